/**
 * Rewrites the files that the namenode asks for, one after the other and no faster than its limit, beside the
 * service. What fails is told in the log and left to the namenode, which asks again while it is worth it.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { BlockService } from '../server/service.ts'
import { BlockSource } from './block-source.ts'
import { FileRewrite } from './file-rewrite.ts'

/** Files that wait; the namenode never gives more, and gives what is left out to another datanode. */
const WAITING_MAX = 64

export interface RewriterOptions {
  readonly service: BlockService
  readonly nodeId: string
  readonly namenode: () => RpcClient
  /** Bytes written per second, on average; 0: nothing is rewritten. */
  readonly bytesPerSecond: number
}

export class Rewriter {
  readonly #options: RewriterOptions
  /** The one being rewritten comes first. */
  readonly #orders = new Set<number>()
  readonly #abort = new AbortController()
  #working: Promise<void> | undefined
  /** When the bytes written so far may have been written, on the monotonic clock. */
  #paidMs = 0

  constructor(options: RewriterOptions) {
    this.#options = options
  }

  /** Files it was asked for and is not done with. */
  get orders(): number[] {
    return [...this.#orders]
  }

  receive(orders: readonly { readonly inodeId: number }[]): void {
    if (this.#options.bytesPerSecond === 0 || this.#abort.signal.aborted) return
    for (const { inodeId } of orders) if (this.#orders.size < WAITING_MAX) this.#orders.add(inodeId)
    if (this.#orders.size === 0) return
    this.#working ??= this.#work().finally(() => {
      this.#working = undefined
    })
  }

  async stop(): Promise<void> {
    this.#abort.abort()
    await this.#working
  }

  async #work(): Promise<void> {
    for (const inodeId of this.#orders) {
      if (this.#abort.signal.aborted) return
      await this.#rewrite(inodeId)
      this.#orders.delete(inodeId)
    }
  }

  async #rewrite(inodeId: number): Promise<void> {
    const { service, nodeId, namenode } = this.#options
    const { signal } = this.#abort
    const source = new BlockSource(service, nodeId)
    const close = (): void => source.close()
    signal.addEventListener('abort', close)
    try {
      const pace = (bytes: number): Promise<void> => this.#pace(bytes)
      const parts = { namenode: namenode(), source, buffers: service.store.buffers, signal, pace }
      const bytes = await new FileRewrite(inodeId, parts).run()
      service.report('rewritten', { inodeId, bytes })
    } catch (error) {
      if (signal.aborted) return
      this.#putOff(inodeId, error)
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  #putOff(inodeId: number, error: unknown): void {
    // That a file is used or gone is no failure.
    const isChanged = isFsError(error, 'STALE') || isFsError(error, 'LEASE_CONFLICT')
    const { code, message } = isChanged ? error : this.#options.service.answerFor(error)
    this.#options.service.report('rewrite-put-off', { inodeId, code, message })
  }

  async #pace(bytes: number): Promise<void> {
    const { service, bytesPerSecond } = this.#options
    service.counters.rewrittenBytes.inc(bytes)
    const nowMs = performance.now()
    this.#paidMs = Math.max(this.#paidMs, nowMs) + (bytes / bytesPerSecond) * 1000
    const { signal } = this.#abort
    if (signal.aborted) return
    await new Promise<void>(resolve => {
      const end = (): void => {
        clearTimeout(timer)
        signal.removeEventListener('abort', end)
        resolve()
      }
      const timer = setTimeout(end, this.#paidMs - nowMs)
      signal.addEventListener('abort', end)
    })
  }
}
