/**
 * Puts ranges of one leased file into its open block, one block after the other, and says which ranges are safe. A
 * datanode that fails does not stop it: what was acknowledged stays where it is, the rest goes into a new block
 * elsewhere. It never commits: the ranges in `extents` are for its owner to commit. Calls must not overlap.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { FAILED_NODE } from '@hopbine/common/protocol/block.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { BlockSink } from '../blocks/block-io.ts'
import type { BlockPool } from '../blocks/block-pool.ts'
import { BlockWriter } from '../blocks/block-writer.ts'
import { checkAbort } from './abort.ts'
import { ExtentList } from './extents.ts'
import type { LeasedFile } from './leased-file.ts'

/** How long writing may go on without a byte acknowledged while blocks fail, in milliseconds. */
const STALL_MS_MAX = 30_000
/** Pause after a failed block, doubled up to the maximum, in milliseconds. */
const PAUSE_MS_MIN = 20
const PAUSE_MS_MAX = 1_000
/** A node that failed gets no new block of this file for so long, in milliseconds. */
const EXCLUDE_MS = 60_000

/** A range of the file in a block, not acknowledged yet. */
interface Placed {
  offset: number
  blockOffset: number
  length: number
}

interface OpenBlock {
  readonly block: LocatedBlock
  readonly sink: BlockSink
  /** In order of the block; the first one starts at what is acknowledged. */
  readonly placed: Placed[]
}

/** Bytes that wait to be put into a block. */
interface Waiting {
  readonly offset: number
  readonly bytes: Uint8Array
}

export class BlockAppender {
  /** Acknowledged ranges that nobody has committed yet. */
  readonly extents = new ExtentList()
  readonly #pool: BlockPool
  readonly #file: LeasedFile
  readonly #blockSize: number
  readonly #signal: AbortSignal
  readonly #failedNodes = new Map<string, number>()
  #open: OpenBlock | undefined
  /** The block before, while it is being sealed. */
  #sealing: { readonly block: OpenBlock; readonly done: Promise<Error | undefined> } | undefined
  #waiting: Waiting[] = []
  /** When blocks began to fail; undefined since bytes were last acknowledged. */
  #failingSinceMs: number | undefined
  #pauseMs = PAUSE_MS_MIN

  /** Once `signal` is aborted every call fails with CANCELLED. */
  constructor(pool: BlockPool, file: LeasedFile, signal: AbortSignal) {
    this.#pool = pool
    this.#file = file
    this.#blockSize = file.status.blockSize
    this.#signal = signal
    assert(this.#blockSize > 0, 'a file without a block size')
  }

  /** Resolves when the bytes are taken over; the caller may then reuse its memory. */
  async append(offset: number, bytes: Uint8Array): Promise<void> {
    if (bytes.length === 0) return
    this.#waiting.push({ offset, bytes })
    await this.#drain()
  }

  /** Resolves when everything appended is at every member and listed in `extents`. */
  async flush(): Promise<void> {
    await this.#settle(open => open.sink.flush())
  }

  /** Resolves when everything appended is on disk at every member and listed in `extents`. */
  async sync(): Promise<void> {
    await this.#settle(open => open.sink.sync())
  }

  /** Like `sync`, and ends the open block. */
  async finish(): Promise<void> {
    await this.#settle(async open => {
      await open.sink.seal()
      this.#acknowledge(open)
      this.#open = undefined
    })
  }

  /** Lets go of the open block; bytes not acknowledged are lost. */
  async close(): Promise<void> {
    for (const open of [this.#open, this.#sealing?.block]) await open?.sink.close()
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
      if (open !== undefined) await this.#put(open, next)
    }
  }

  /** Writes as much of the first waiting range as the block has room for. */
  async #put(open: OpenBlock, next: Waiting): Promise<void> {
    const start = open.sink.length
    const part = next.bytes.subarray(0, this.#blockSize - start)
    const failure = await this.#attempt(open.sink.write(part))
    const accepted = open.sink.length - start
    if (accepted > 0) place(open.placed, { offset: next.offset, blockOffset: start, length: accepted })
    if (accepted === next.bytes.length) this.#waiting.shift()
    else {
      this.#waiting[0] = { offset: next.offset + accepted, bytes: next.bytes.subarray(accepted) }
    }
    this.#acknowledge(open)
    if (failure !== undefined) return this.#recover(open, failure)
    if (open.sink.length >= this.#blockSize) await this.#sealInBackground(open)
  }

  /** Drains, waits for the block before, and does `work` on the open block, until all of it succeeds. */
  async #settle(work: (open: OpenBlock) => Promise<unknown>): Promise<void> {
    for (;;) {
      await this.#drain()
      await this.#awaitSealing()
      const open = this.#open
      if (open !== undefined) {
        const failure = await this.#attempt(work(open))
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
    this.#sealing = { block: open, done: this.#attempt(open.sink.seal()) }
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
      const sink = await BlockWriter.open(this.#pool, block, { signal: this.#signal })
      this.#open = { block, sink, placed: [] }
      return this.#open
    } catch (error) {
      await this.#pause(block, asOperating(error))
      return undefined
    }
  }

  async #locate(): Promise<LocatedBlock> {
    const exclude = this.#excluded()
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
    const lost: Waiting[] = []
    let range = open.placed.shift()
    for (const bytes of open.sink.unacknowledged()) {
      for (let at = 0; at < bytes.length; ) {
        assert(range !== undefined, 'unacknowledged bytes of no range')
        const part = bytes.subarray(at, at + range.length)
        lost.push({ offset: range.offset, bytes: part })
        at += part.length
        range = part.length < range.length ? skip(range, part.length) : open.placed.shift()
      }
    }
    assert(range === undefined, 'a range is neither acknowledged nor unacknowledged')
    this.#waiting.unshift(...lost)
    await open.sink.close()
    await this.#pause(open.block, failure)
  }

  /** Moves what the sink has acknowledged since the last look to `extents`. */
  #acknowledge(open: OpenBlock): void {
    const until = open.sink.acknowledged
    for (let first = open.placed[0]; first !== undefined; first = open.placed[0]) {
      const length = Math.min(first.length, until - first.blockOffset)
      if (length <= 0) return
      const { offset, blockOffset } = first
      this.extents.add({ offset, length, blockId: open.block.blockId, blockOffset })
      if (length < first.length) open.placed[0] = skip(first, length)
      else open.placed.shift()
      this.#failingSinceMs = undefined
      this.#pauseMs = PAUSE_MS_MIN
    }
  }

  /** The operating error that the work ended with; a defect goes on up. */
  async #attempt(work: Promise<unknown>): Promise<Error | undefined> {
    try {
      await work
      return undefined
    } catch (error) {
      return asOperating(error)
    }
  }

  /** Waits before the next block, or throws what went wrong when there is no use in going on. */
  async #pause(block: LocatedBlock, failure: Error): Promise<void> {
    if (this.#signal.aborted || isFsError(failure, 'CANCELLED')) throw failure
    this.#failingSinceMs ??= performance.now()
    if (performance.now() - this.#failingSinceMs > STALL_MS_MAX) throw failure
    this.#exclude(block, failure)
    await new Promise(resolve => setTimeout(resolve, this.#pauseMs))
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX)
  }

  #exclude(block: LocatedBlock, failure: Error): void {
    const named = isFsError(failure) ? failure.details[FAILED_NODE] : undefined
    const nodeId = typeof named === 'string' ? named : block.members[0]?.nodeId
    if (nodeId !== undefined) this.#failedNodes.set(nodeId, performance.now())
  }

  #excluded(): string[] {
    const oldest = performance.now() - EXCLUDE_MS
    for (const [nodeId, failedAtMs] of this.#failedNodes) {
      if (failedAtMs < oldest) this.#failedNodes.delete(nodeId)
    }
    return [...this.#failedNodes.keys()]
  }
}

/** Appends a range; many small writes in order are one range. */
function place(placed: Placed[], range: Placed): void {
  const last = placed.at(-1)
  if (last !== undefined && last.offset + last.length === range.offset) last.length += range.length
  else placed.push(range)
}

function skip(range: Placed, length: number): Placed {
  return {
    offset: range.offset + length,
    blockOffset: range.blockOffset + length,
    length: range.length - length,
  }
}

function asOperating(error: unknown): Error {
  if (isFsError(error)) return error
  throw error
}
