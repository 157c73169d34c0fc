/**
 * Puts ranges of one leased file into its open block, one block after the other, and says which ranges are
 * safe. A datanode that fails does not stop it: what was acknowledged stays where it is, the rest goes into
 * a new block elsewhere. It never commits: the ranges in `extents` are for its owner to commit. Calls must
 * not overlap.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { FAILED_NODE } from '@hopbine/common/protocol/block.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { BlockPool } from '../blocks/block-pool.ts'
import { checkAbort } from './abort.ts'
import { ExtentList } from './extents.ts'
import type { LeasedFile } from './leased-file.ts'
import { type FileBytes, OpenBlock, operatingError } from './open-block.ts'
import { UnsealedCopies } from './unsealed-copies.ts'

/** How long writing may go on without a byte acknowledged while blocks fail, in milliseconds. */
const STALL_MS_MAX = 30_000
/** Pause after a failed block, doubled up to the maximum, in milliseconds. */
const PAUSE_MS_MIN = 20
const PAUSE_MS_MAX = 1_000
/** A node that failed gets no new block of this file for so long, in milliseconds. */
const EXCLUDE_MS = 60_000

export class BlockAppender {
  /** Acknowledged ranges that nobody has committed yet. */
  readonly extents = new ExtentList()
  readonly #pool: BlockPool
  readonly #file: LeasedFile
  readonly #blockSize: number
  readonly #signal: AbortSignal
  readonly #unsealed: UnsealedCopies
  readonly #failedNodes = new Map<string, number>()
  #open: OpenBlock | undefined
  /** The block before, while it is being sealed. */
  #sealing: { readonly block: OpenBlock; readonly done: Promise<Error | undefined> } | undefined
  #waiting: FileBytes[] = []
  /** When blocks began to fail; undefined since the last success. */
  #failingSinceMs: number | undefined
  #pauseMs = PAUSE_MS_MIN

  /** Once `signal` is aborted every call fails with CANCELLED. */
  constructor(pool: BlockPool, file: LeasedFile, signal: AbortSignal) {
    this.#pool = pool
    this.#file = file
    this.#blockSize = file.status.blockSize
    this.#signal = signal
    this.#unsealed = new UnsealedCopies(pool, signal)
    assert(this.#blockSize > 0, 'a file without a block size')
  }

  /**
   * Resolves when the bytes are taken over; the caller may then reuse its memory, or let go of what it
   * shares.
   */
  async append(range: FileBytes): Promise<void> {
    if (range.bytes.length === 0) return
    this.#waiting.push(range)
    await this.#drain()
  }

  /** Resolves when everything appended is at every member and listed in `extents`. */
  async flush(): Promise<void> {
    await this.#settle(open => open.flush())
  }

  /** Resolves when everything appended is on disk at every member and listed in `extents`. */
  async sync(): Promise<void> {
    await this.#settle(open => open.sync())
    await this.#sealCopies()
  }

  /** Like `sync`, and ends the open block. */
  async finish(): Promise<void> {
    await this.#settle(async open => {
      await open.seal()
      this.#acknowledge(open)
      this.#open = undefined
    })
    await this.#sealCopies()
  }

  /** Lets go of the open block; bytes not acknowledged are lost. */
  async close(): Promise<void> {
    for (const open of [this.#open, this.#sealing?.block]) await open?.close()
    this.#open = undefined
    this.#sealing = undefined
    this.#waiting = []
  }

  /** Puts everything that waits into blocks. */
  async #drain(): Promise<void> {
    for (;;) {
      const next = this.#waiting[0]
      if (next === undefined) return
      const open = this.#open ?? (await this.#nextBlock())
      if (open?.isAged) await this.#sealInBackground(open)
      else if (open !== undefined) await this.#put(open, next)
    }
  }

  /** Writes as much of the first waiting range as the block has room for. */
  async #put(open: OpenBlock, range: FileBytes): Promise<void> {
    const { offset, bytes } = range
    const part = bytes.subarray(0, this.#blockSize - open.length)
    const { taken, failure } = await open.write({ ...range, bytes: part })
    if (taken === bytes.length) this.#waiting.shift()
    else this.#waiting[0] = { ...range, offset: offset + taken, bytes: bytes.subarray(taken) }
    this.#acknowledge(open)
    if (failure !== undefined) return this.#recover(open, failure)
    if (open.length >= this.#blockSize) await this.#sealInBackground(open)
  }

  /** Drains, waits for the block before, and does `work` on the open block, until all of it succeeds. */
  async #settle(work: (open: OpenBlock) => Promise<void>): Promise<void> {
    for (;;) {
      await this.#drain()
      await this.#awaitSealing()
      const open = this.#open
      if (open !== undefined) {
        const failure = await operatingError(work(open))
        this.#acknowledge(open)
        if (failure !== undefined) await this.#recover(open, failure)
      }
      if (this.#waiting.length === 0 && this.#sealing === undefined) return
    }
  }

  /** A full block seals while the next one is being written; only one at a time. */
  async #sealInBackground(open: OpenBlock): Promise<void> {
    this.#open = undefined
    await this.#awaitSealing()
    this.#sealing = { block: open, done: operatingError(open.seal()) }
  }

  async #awaitSealing(): Promise<void> {
    const sealing = this.#sealing
    if (sealing === undefined) return
    const failure = await sealing.done
    this.#sealing = undefined
    this.#acknowledge(sealing.block)
    if (failure !== undefined) await this.#recover(sealing.block, failure)
  }

  /** A new open block, or undefined when its datanode could not be reached and another try is due. */
  async #nextBlock(): Promise<OpenBlock | undefined> {
    checkAbort(this.#signal)
    const block = await this.#locate()
    try {
      this.#open = await OpenBlock.open(this.#pool, block, this.#signal)
      return this.#open
    } catch (error) {
      if (!isFsError(error)) throw error
      await this.#pause(block, error)
      return undefined
    }
  }

  async #locate(): Promise<LocatedBlock> {
    const exclude = this.#recentlyFailed()
    const signal = this.#signal
    if (exclude.length === 0) return this.#file.addBlock([], { signal })
    try {
      return await this.#file.addBlock(exclude, { signal, retryMs: 0 })
    } catch (error) {
      if (!isFsError(error, 'NO_DATANODE')) throw error
      // Too few nodes to be choosy: the failed one may be back.
      this.#failedNodes.clear()
      return this.#file.addBlock([], { signal })
    }
  }

  /** Keeps what the failed block has acknowledged and lets the rest wait for another block. */
  async #recover(open: OpenBlock, failure: Error): Promise<void> {
    if (this.#open === open) this.#open = undefined
    this.#waiting.unshift(...open.takeLost())
    if (open.isUnsynced) this.#unsealed.add(open.block, open.acknowledged)
    await open.close()
    await this.#pause(open.block, failure)
  }

  /** Seals what failed blocks hold, so that it is on a disk. */
  async #sealCopies(): Promise<void> {
    for (let block = this.#unsealed.next; block !== undefined; block = this.#unsealed.next) {
      const failure = await operatingError(this.#unsealed.sealNext(this.#recentlyFailed()))
      if (failure !== undefined) await this.#pause(block, failure)
      else this.#succeeded()
    }
  }

  #acknowledge(open: OpenBlock): void {
    if (open.listAcknowledged(this.extents)) this.#succeeded()
  }

  #succeeded(): void {
    this.#failingSinceMs = undefined
    this.#pauseMs = PAUSE_MS_MIN
  }

  /** Waits before the next try, or throws what went wrong when there is no use in going on. */
  async #pause(block: LocatedBlock, failure: Error): Promise<void> {
    if (this.#signal.aborted || isFsError(failure, 'CANCELLED')) throw failure
    this.#failingSinceMs ??= performance.now()
    if (performance.now() - this.#failingSinceMs > STALL_MS_MAX) {
      this.#succeeded()
      throw failure
    }
    const named = isFsError(failure) ? failure.details[FAILED_NODE] : undefined
    const nodeId = typeof named === 'string' ? named : block.members[0]?.nodeId
    if (nodeId !== undefined) this.#failedNodes.set(nodeId, performance.now())
    await new Promise(resolve => setTimeout(resolve, this.#pauseMs))
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX)
  }

  #recentlyFailed(): string[] {
    const oldest = performance.now() - EXCLUDE_MS
    for (const [nodeId, failedAtMs] of this.#failedNodes) {
      if (failedAtMs < oldest) this.#failedNodes.delete(nodeId)
    }
    return [...this.#failedNodes.keys()]
  }
}
