/**
 * The session's side of locks at the namenode: opens them when they are first needed, says again what is held
 * when the namenode does not know it, and knows how long a word of the namenode can be trusted.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { LOCK_TERM_MS, openLocks } from '@hopbine/common/protocol/locks.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { RequestOptions, RpcClient } from '@hopbine/common/rpc/client.ts'

/** What is held now, as `openLocks` wants it. */
export type Claims = Omit<RequestOf<typeof openLocks>, 'incarnation'>

export interface LockCallerEvents {
  claims(): Claims
  /** Others may have had the locks of these inodes meanwhile. */
  lost(inodeIds: readonly number[]): void
}

/** A word of the namenode is trusted for so long, from when it was asked for: less than the term. */
const TRUST_MS = LOCK_TERM_MS - 3_000
/** Times that a call is made again because the session was over. */
const TRIES_MAX = 3

type Ask = (request: RequestOf<typeof openLocks>) => Promise<ResponseOf<typeof openLocks>>

export class LockCaller {
  readonly #rpc: RpcClient
  readonly #events: LockCallerEvents
  #incarnation = 0
  #opening: Promise<void> | undefined
  #heard: Moment = { steadyMs: Number.NEGATIVE_INFINITY, wallMs: Number.NEGATIVE_INFINITY }

  constructor(rpc: RpcClient, events: LockCallerEvents) {
    this.#rpc = rpc
    this.#events = events
  }

  /** From now on each new connection hears first what is held. */
  async start(): Promise<void> {
    await this.#rpc.prepareEach(async connection => {
      if (this.#incarnation !== 0) await this.#open(request => connection.call(openLocks, request))
    })
  }

  get isOpen(): boolean {
    return this.#incarnation !== 0
  }

  /** Whether the namenode certainly has not given our locks to others. */
  get isTrusted(): boolean {
    const { steadyMs, wallMs } = moment()
    return steadyMs - this.#heard.steadyMs < TRUST_MS && wallMs - this.#heard.wallMs < TRUST_MS
  }

  /** Calls in the present incarnation; one that is over is opened anew first. */
  async call<Req extends { incarnation: number }, Res>(
    method: Method<Req, Res>,
    request: Omit<Req, 'incarnation'>,
    options?: RequestOptions,
  ): Promise<Res> {
    for (let tries = 1; ; tries++) {
      if (this.#incarnation === 0) await this.#openAgain()
      const incarnation = this.#incarnation
      const sent = moment()
      try {
        const answer = await this.#rpc.call(method, { ...request, incarnation } as Req, options)
        this.#hear(sent)
        return answer
      } catch (error) {
        if (!isFsError(error, 'SESSION_EXPIRED') || tries === TRIES_MAX) throw error
        if (this.#incarnation === incarnation) await this.#openAgain()
      }
    }
  }

  #openAgain(): Promise<void> {
    this.#opening ??= this.#open(request => this.#rpc.call(openLocks, request)).finally(() => {
      this.#opening = undefined
    })
    return this.#opening
  }

  async #open(ask: Ask): Promise<void> {
    const sent = moment()
    const answer = await ask({ incarnation: this.#incarnation, ...this.#events.claims() })
    this.#incarnation = answer.incarnation
    if (answer.lost.length > 0) this.#events.lost(answer.lost)
    this.#hear(sent)
  }

  /** Answers may overtake each other. */
  #hear(sent: Moment): void {
    if (sent.steadyMs > this.#heard.steadyMs) this.#heard = sent
  }
}

/** Two clocks: the steady one stands still while the machine sleeps, the other may be set back. */
interface Moment {
  readonly steadyMs: number
  readonly wallMs: number
}

function moment(): Moment {
  return { steadyMs: performance.now(), wallMs: Date.now() }
}
