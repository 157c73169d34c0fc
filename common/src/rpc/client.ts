/**
 * A client session over changing connections: numbers writes, reconnects with pauses, and sends unanswered
 * requests again under their old numbers, so that each write is applied once. The one place that retries.
 */
import { randomBytes } from 'node:crypto'
import { FsError, isFsError } from '../base/errors.ts'
import type { Method } from '../protocol/method.ts'
import type { HelloRequest, HelloResponse } from '../protocol/session.ts'
import { PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../protocol/version.ts'
import type { Reader } from '../wire/reader.ts'
import { type Address, Connection } from './connection.ts'
import { PrincipalHandles, type Speaker } from './principal-handles.ts'
import { type Seed, ServerChoice } from './server-choice.ts'

export interface RpcClientOptions {
  readonly address: Address
  readonly token?: string
  /** Where the other members of the server's group are: the session finds who leads and follows it. */
  readonly others?: readonly Seed[]
  /** Number of the first one in the group. */
  readonly member?: number
  readonly actAs?: { readonly user: string; readonly groups: readonly string[] }
  /**
   * How long a call may wait for a server that cannot be reached or is busy, in milliseconds. Default 30,000.
   */
  readonly retryMs?: number
  /** Called when the connection in use is gone, whoever ended it; not after `close`. */
  readonly onLost?: () => void
}

export interface RequestOptions {
  readonly signal?: AbortSignal | undefined
  /** Overrides the session's `retryMs` for this call. */
  readonly retryMs?: number
  /** For whom the call is made; only a superuser's session may. Absent: for the session's own principal. */
  readonly speaker?: Speaker | undefined
}

/** What can be called: a session, or a session on behalf of someone. */
export interface RpcCaller {
  call<Req, Res>(method: Method<Req, Res>, request: Req, options?: RequestOptions): Promise<Res>
  /**
   * The answer, at once, where it can be told without asking anybody; throws what the call fails with.
   * Undefined: nothing has happened, and `call` is to be made.
   */
  tryLocal?<Req, Res>(method: Method<Req, Res>, request: Req, options?: RequestOptions): Res | undefined
  /** The same, with a refusal that is known here as a value: throwing one costs more than answering it. */
  tryOutcome?<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options?: RequestOptions,
  ): Res | FsError | undefined
}

/** What is done before a call of this method is sent. */
export type BeforeCall = (methodId: number, request: unknown) => void

const RETRY_MS_DEFAULT = 30_000
/** Pause before the first reconnect, doubled up to the maximum, in milliseconds. */
const PAUSE_MS_MIN = 20
const PAUSE_MS_MAX = 1_000
/** Longest pause of a session with several servers: one of them may lead by now, in milliseconds. */
const GROUP_PAUSE_MS_MAX = 100
/** One of several servers must greet, and be heard while calls wait, within so long, in milliseconds. */
const GROUP_SILENT_MS = 700
/**
 * A write that was sent so long ago is not sent again: half the time after which a server may have forgotten
 * its answer. On a clock that goes on while the machine sleeps, in milliseconds.
 */
const RESEND_MS = 300_000

export class RpcClient implements RpcCaller {
  readonly #options: RpcClientOptions
  readonly #choice: ServerChoice
  readonly clientId = randomBytes(16).toString('hex')
  /** What is done on each connection before it is used. */
  readonly #preparations: ((connection: Connection) => Promise<void>)[] = []
  readonly #before: BeforeCall[] = []
  readonly #pushHandlers = new Map<number, (payload: Reader) => void>()
  #connecting: Promise<Connection> | undefined
  #connection: Connection | undefined
  /** Where it leads. */
  #seed: Seed | undefined
  #handles: PrincipalHandles | undefined
  #welcome: HelloResponse | undefined
  #nextSequence = 1
  /** Numbers of writes without an answer, in order of issue. */
  readonly #unanswered = new Set<number>()
  #closed = false

  constructor(options: RpcClientOptions) {
    this.#options = options
    const { address, token, member, others = [] } = options
    const first = { address, ...(token === undefined ? {} : { token }) }
    this.#choice = new ServerChoice([member === undefined ? first : { ...first, member }, ...others])
  }

  /** What the server said at the last hello; connects if needed. */
  async welcome(): Promise<HelloResponse> {
    await this.#connect()
    return this.#welcome as HelloResponse
  }

  /** Takes pushes of one kind; the payload is valid during the call only. */
  listen(push: number, handler: (payload: Reader) => void): void {
    this.#pushHandlers.set(push, handler)
  }

  /**
   * Does something on the present connection, and on each later one before anything else is asked there. A
   * failure counts as one of connecting.
   */
  async prepareEach(prepare: (connection: Connection) => Promise<void>): Promise<void> {
    const connection = await this.#connect()
    this.#preparations.push(prepare)
    await prepare(connection)
  }

  /** Does something right before each request is sent; what it sends itself goes first. */
  beforeEach(before: BeforeCall): void {
    this.#before.push(before)
  }

  /** Applied index of the newest answer seen. */
  get index(): number {
    return this.#connection?.index ?? 0
  }

  /**
   * Calls and retries within the budget by the error's own rule. A write keeps its number through all tries.
   * An abort gives up waiting; a write that was sent may still be applied.
   */
  async call<Req, Res>(method: Method<Req, Res>, request: Req, options: RequestOptions = {}): Promise<Res> {
    if (options.signal?.aborted) throw aborted(options.signal)
    const sequence = method.kind === 'write' ? this.#nextSequence++ : 0
    if (sequence > 0) this.#unanswered.add(sequence)
    try {
      const work = this.#attempts(method, request, sequence, options)
      return await (options.signal === undefined ? work : abortable(work, options.signal))
    } finally {
      this.#unanswered.delete(sequence)
    }
  }

  /** The same session speaking for someone else: its leases and its numbering of writes are shared. */
  as(speaker: Speaker): RpcCaller {
    return { call: (method, request, options) => this.call(method, request, { ...options, speaker }) }
  }

  /** Ends the session's connection; calls in flight fail with CANCELLED. */
  close(): void {
    this.#closed = true
    this.#connection?.close(new FsError('CANCELLED', 'the client was closed'))
  }

  async #attempts<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    sequence: number,
    options: RequestOptions,
  ): Promise<Res> {
    const deadline = performance.now() + (options.retryMs ?? this.#options.retryMs ?? RETRY_MS_DEFAULT)
    const pauseMsMax = this.#choice.isGroup ? GROUP_PAUSE_MS_MAX : PAUSE_MS_MAX
    let sentAtMs = 0
    for (let pauseMs = PAUSE_MS_MIN; ; pauseMs = Math.min(pauseMs * 2, pauseMsMax)) {
      let connection: Connection | undefined
      try {
        connection = this.#connection?.isOpen ? this.#connection : await this.#connect()
        const told = options.speaker === undefined ? 0 : this.#handles?.of(options.speaker)
        const principal = typeof told === 'object' ? await told : told
        if (principal === undefined || !connection.isOpen) throw new FsError('UNAVAILABLE')
        if (sequence > 0 && sentAtMs > 0 && Date.now() - sentAtMs > RESEND_MS)
          throw outcomeUnknown(method.name)
        sentAtMs = Date.now()
        const behind = sequence === 0 ? 0 : sequence - this.#oldestUnanswered(sequence)
        for (const before of this.#before) before(method.id, request)
        return await connection.call(method, request, { sequence, behind, principal })
      } catch (error) {
        if (!isFsError(error) || error.retry === 'never' || this.#closed) throw error
        if (performance.now() + pauseMs > deadline || options.signal?.aborted) throw error
        const isPassedOn = error.code === 'NOT_LEADER' && this.#leave(connection, error)
        if (!isPassedOn || pauseMs > PAUSE_MS_MIN) await sleep(pauseMs)
      }
    }
  }

  /**
   * The server does not lead. True if another one that may is known; then this connection is of no use to
   * anybody, and what still waits there goes along.
   */
  #leave(connection: Connection | undefined, error: FsError): boolean {
    const seed = this.#seed
    if (connection === undefined || connection !== this.#connection || seed === undefined) {
      return connection !== undefined
    }
    if (!connection.isOpen) return true
    const isKnown = this.#choice.refused(seed, error, performance.now())
    if (this.#choice.current !== seed) connection.close(error)
    return isKnown
  }

  #oldestUnanswered(sequence: number): number {
    for (const oldest of this.#unanswered) return oldest
    return sequence
  }

  async #connect(): Promise<Connection> {
    if (this.#closed) throw new FsError('CANCELLED', 'the client was closed')
    if (this.#connection?.isOpen) return this.#connection
    this.#connecting ??= this.#open().finally(() => {
      this.#connecting = undefined
    })
    return this.#connecting
  }

  /** Connects to the first server that greets, from the one chosen on. */
  async #open(): Promise<Connection> {
    const triesMax = this.#choice.seeds
    for (let tries = 1; ; tries++) {
      const seed = this.#choice.current
      try {
        return await this.#openAt(seed)
      } catch (error) {
        if (isFsError(error, 'NOT_LEADER')) this.#choice.refused(seed, error, performance.now())
        else this.#choice.failed(seed, performance.now())
        const isAway = isFsError(error, 'UNAVAILABLE') || isFsError(error, 'TIMED_OUT')
        if (!isAway || this.#closed || tries === triesMax) throw error
      }
    }
  }

  async #openAt(seed: Seed): Promise<Connection> {
    const { actAs } = this.#options
    const choice = this.#choice
    const greeting: HelloRequest = {
      version: PROTOCOL_VERSION,
      versionOldest: PROTOCOL_VERSION_OLDEST,
      clientId: this.clientId,
      token: seed.token,
      actAs: actAs === undefined ? undefined : { user: actAs.user, groups: [...actAs.groups] },
    }
    const events = {
      // Waiting calls have been told; each decides by its own budget.
      onClose: (error: FsError) => {
        if (error.code === 'NOT_LEADER') choice.refused(seed, error, performance.now())
        else choice.failed(seed, performance.now())
        if (this.#seed === seed && !this.#closed) this.#options.onLost?.()
      },
      // A push that nobody here knows is one of a newer server's.
      onPush: (push: number, payload: Reader) => this.#pushHandlers.get(push)?.(payload),
    }
    const connectMs = choice.isGroup ? GROUP_SILENT_MS : undefined
    const { connection, welcome } = await Connection.open(seed.address, greeting, events, connectMs)
    if (choice.isGroup) connection.watch(GROUP_SILENT_MS)
    try {
      for (const prepare of this.#preparations) await prepare(connection)
    } catch (error) {
      connection.close(isFsError(error, 'NOT_LEADER') ? error : undefined)
      throw error
    }
    this.#connection = connection
    this.#seed = seed
    this.#handles = new PrincipalHandles(connection)
    this.#welcome = welcome
    return connection
  }
}

function outcomeUnknown(what: string): FsError {
  return new FsError(
    'SESSION_EXPIRED',
    `${what} was sent over ${RESEND_MS / 60_000} minutes ago and has no answer: it may have been done, ` +
      'look before you repeat it',
  )
}

function sleep(ms: number): Promise<void> {
  return new Promise(resolve => setTimeout(resolve, ms))
}

function abortable<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(aborted(signal))
    signal.addEventListener('abort', onAbort, { once: true })
    work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function aborted(signal: AbortSignal): FsError {
  return new FsError('CANCELLED', 'the call was aborted', {}, { cause: signal.reason })
}
