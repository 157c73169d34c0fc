/**
 * Tells the namenode which inodes are open here, so that they outlive names that go elsewhere. What was
 * opened is said before the next call of the session: no open is answered by the namenode, and no directory
 * lease given back, before it has heard of it. Only batches of what was done under leases go before, since
 * names in leased directories go nowhere else. What was closed may be said a little later; a file that is
 * opened and closed in between is not told of.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { declareOpenInodes } from '@hopbine/common/protocol/open-inodes.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { isPrivateCall } from '../../leases/private-call.ts'

/** What was closed is told after so long at the latest, in milliseconds. */
const CLOSED_MS = 50

export class OpenInodes {
  readonly #rpc: Pick<RpcClient, 'call' | 'prepareEach' | 'beforeEach'>
  readonly #counts = new Map<number, number>()
  /** What the namenode knows, or may know. */
  readonly #told = new Set<number>()
  /** Inodes of which the namenode does not know what is true. */
  #untold = new Set<number>()
  #timer: NodeJS.Timeout | undefined

  constructor(rpc: Pick<RpcClient, 'call' | 'prepareEach' | 'beforeEach'>) {
    this.#rpc = rpc
  }

  async start(): Promise<void> {
    this.#rpc.beforeEach((methodId, request) => {
      if (!isPrivateCall(methodId, request)) this.#tell()
    })
    await this.#rpc.prepareEach(async connection => {
      const opened = [...this.#counts.keys()]
      for (const inodeId of opened) this.#told.add(inodeId)
      await connection.call(declareOpenInodes, { all: true, opened, closed: [] })
    })
  }

  /** The inode is open, or is going to be; each call wants one of `close`. */
  open(inodeId: number): void {
    const count = this.#counts.get(inodeId) ?? 0
    this.#counts.set(inodeId, count + 1)
    if (count === 0) this.#note(inodeId)
  }

  close(inodeId: number): void {
    const count = this.#counts.get(inodeId) ?? 0
    if (count > 1) this.#counts.set(inodeId, count - 1)
    else this.#counts.delete(inodeId)
    if (count === 1) this.#note(inodeId)
  }

  stop(): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  #note(inodeId: number): void {
    const isOpen = this.#counts.has(inodeId)
    if (isOpen === this.#told.has(inodeId)) this.#untold.delete(inodeId)
    else this.#untold.add(inodeId)
    if (!isOpen && this.#untold.size > 0) this.#timer ??= setTimeout(() => this.#tell(), CLOSED_MS).unref()
  }

  /** Statements say what is true now, so that one that was lost is just said again. */
  #tell(): void {
    this.stop()
    if (this.#untold.size === 0) return
    const untold = this.#untold
    this.#untold = new Set()
    const opened: number[] = []
    const closed: number[] = []
    for (const inodeId of untold) {
      if (this.#counts.has(inodeId)) {
        opened.push(inodeId)
        this.#told.add(inodeId)
      } else {
        closed.push(inodeId)
        this.#told.delete(inodeId)
      }
    }
    this.#rpc
      .call(declareOpenInodes, { all: false, opened, closed }, { retryMs: 0 })
      .catch((error: unknown) => {
        if (!isFsError(error)) throw error
        if (error.code === 'CANCELLED') return
        // The next connection says what is open; what is not known is said again with the next call.
        for (const inodeId of untold) this.#doubt(inodeId)
      })
  }

  #doubt(inodeId: number): void {
    if (this.#counts.has(inodeId)) this.#told.delete(inodeId)
    else this.#told.add(inodeId)
    this.#note(inodeId)
  }
}
