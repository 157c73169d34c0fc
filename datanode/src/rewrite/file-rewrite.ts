/**
 * Rewrites one closed file: walks over its windows, and moves the live bytes of those worth it into new
 * blocks, one behind the other. Each window is committed by itself, and only if it is still what was read; a
 * writer that comes in between wins, and the rest is left to the next time.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { BLOCK_BYTES_MIN, EXTENTS_PER_COMMIT_MAX, FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { PACKET_BYTES_MAX } from '@hopbine/common/protocol/block.ts'
import { beginRewrite, finishRewrite, sparseBlocks } from '@hopbine/common/protocol/cluster.ts'
import { bytesOf, extentDigest } from '@hopbine/common/protocol/extent-window.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'
import { type Extent, FLAG, type LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { BufferPool } from '@hopbine/common/wire/buffer-pool.ts'
import { BlockSink } from './block-sink.ts'
import type { BlockSource } from './block-source.ts'
import { isWorthwhile, nextWindow, type Window } from './windows.ts'

/** Time for one call, in milliseconds. */
const CALL_MS = 10_000
/** Capabilities are used for so long at most, in milliseconds: half of their life. */
const FRESH_MS = 30_000
/** A new block with less room than this is done. */
const ROOM_BYTES_MIN = BLOCK_BYTES_MIN

export interface RewriteParts {
  readonly namenode: RpcClient
  readonly source: BlockSource
  readonly buffers: BufferPool
  /** Ends the rewrite at its next step. */
  readonly signal: AbortSignal
  /** Told of bytes that were moved; resolves when the next may follow. */
  readonly pace: (bytes: number) => Promise<void>
}

/** Extents of the file from some place on, as the namenode told them. */
interface Stretch {
  readonly extents: readonly Extent[]
  readonly blocks: ReadonlyMap<number, LocatedBlock>
  readonly askedMs: number
  readonly isLast: boolean
}

export class FileRewrite {
  readonly #inodeId: number
  readonly #parts: RewriteParts
  #sparse: ReadonlySet<number> = new Set()
  #blockBytes = 0
  #sink: BlockSink | undefined
  #moved = 0

  constructor(inodeId: number, parts: RewriteParts) {
    this.#inodeId = inodeId
    this.#parts = parts
  }

  /**
   * Answers the bytes moved. Throws STALE when the file changed meanwhile, LEASE_CONFLICT when it is open.
   */
  async run(): Promise<number> {
    const { signal } = this.#parts
    const close = (): void => this.#sink?.close()
    signal.addEventListener('abort', close)
    try {
      await this.#lookForSparse()
      for (let position = 0; position >= 0; ) position = await this.#walk(position)
      await this.#sink?.seal()
      return this.#moved
    } finally {
      signal.removeEventListener('abort', close)
      close()
    }
  }

  async #lookForSparse(): Promise<void> {
    const request = { inodeId: this.#inodeId }
    const { blockIds } = await this.#parts.namenode.call(sparseBlocks, request, this.#options())
    this.#sparse = new Set(blockIds)
  }

  /** Goes over one stretch of the file; answers where the next begins, −1 at the end. */
  async #walk(from: number): Promise<number> {
    const stretch = await this.#look(from)
    let position = from
    while (performance.now() - stretch.askedMs < FRESH_MS) {
      const window = nextWindow(stretch.extents, position, await this.#room())
      if (window === undefined) return stretch.isLast ? -1 : position
      if (isWorthwhile(window, this.#sparse)) await this.#move(window, stretch.blocks)
      position = window.end
    }
    return position
  }

  async #look(offset: number): Promise<Stretch> {
    const askedMs = performance.now()
    const path = `/.reserved/.inodes/${this.#inodeId}`
    const request = { path, offset, length: FILE_BYTES_MAX - offset }
    const { status, extents, blocks } = await this.#parts.namenode.call(open, request, this.#options())
    if (status.flags & (FLAG.open | FLAG.inline)) {
      throw new FsError('LEASE_CONFLICT', `inode ${this.#inodeId} is being written again`)
    }
    this.#blockBytes = status.blockSize
    // Copies: the answer's bytes are views of a network buffer.
    const own = blocks.map(block => ({ ...block, capability: Buffer.from(block.capability) }))
    return {
      extents,
      blocks: new Map(own.map(block => [block.blockId, block])),
      askedMs,
      isLast: extents.length < EXTENTS_PER_COMMIT_MAX,
    }
  }

  /** Bytes that the present block, or a new one, still takes. */
  async #room(): Promise<number> {
    const room = this.#blockBytes - (this.#sink?.length ?? 0)
    if (room >= ROOM_BYTES_MIN) return room
    await this.#sink?.seal()
    this.#sink = undefined
    return this.#blockBytes
  }

  async #move(window: Window, blocks: ReadonlyMap<number, LocatedBlock>): Promise<void> {
    const sink = await this.#openSink()
    const { blockId, length: blockOffset } = sink
    await this.#copy(window.extents, blocks, sink)
    await sink.sync()
    const { start, end, extents } = window
    const digest = extentDigest(extents)
    const request = { inodeId: this.#inodeId, start, end, digest, blockId, blockOffset }
    const { done } = await this.#parts.namenode.call(finishRewrite, request, this.#options())
    if (!done) throw new FsError('STALE', `inode ${this.#inodeId} changed while it was rewritten`)
    this.#moved += bytesOf(extents)
  }

  async #copy(
    extents: readonly Extent[],
    blocks: ReadonlyMap<number, LocatedBlock>,
    sink: BlockSink,
  ): Promise<void> {
    const { buffers, source } = this.#parts
    const memory = buffers.take(PACKET_BYTES_MAX)
    let filled = 0
    try {
      for (const extent of extents) {
        for (let done = 0; done < extent.length; ) {
          const bytes = Math.min(extent.length - done, PACKET_BYTES_MAX - filled)
          const part = memory.subarray(filled, filled + bytes)
          await source.read(blockOf(blocks, extent.blockId), extent.blockOffset + done, part)
          done += bytes
          filled += bytes
          if (filled < PACKET_BYTES_MAX) continue
          await this.#send(sink, memory)
          filled = 0
        }
      }
      if (filled > 0) await this.#send(sink, memory.subarray(0, filled))
    } finally {
      buffers.give(memory)
    }
  }

  async #send(sink: BlockSink, bytes: Uint8Array): Promise<void> {
    this.#parts.signal.throwIfAborted()
    await sink.write(bytes)
    await this.#parts.pace(bytes.length)
  }

  async #openSink(): Promise<BlockSink> {
    if (this.#sink !== undefined) return this.#sink
    const request = { inodeId: this.#inodeId }
    const { block } = await this.#parts.namenode.call(beginRewrite, request, this.#options())
    this.#sink = await BlockSink.open({ ...block, capability: Buffer.from(block.capability) })
    return this.#sink
  }

  #options(): { retryMs: number; signal: AbortSignal } {
    return { retryMs: 0, signal: AbortSignal.any([this.#parts.signal, AbortSignal.timeout(CALL_MS)]) }
  }
}

function blockOf(blocks: ReadonlyMap<number, LocatedBlock>, blockId: number): LocatedBlock {
  const block = blocks.get(blockId)
  if (block === undefined) throw new FsError('BAD_FRAME', `the namenode named no place for block ${blockId}`)
  return block
}
