/**
 * The contract of the client's block path: what a writer and a reader of blocks offer to the file layer. It
 * names no socket. `BlockWriter`, `readBlock` and `readBlockInto` beside it are the bodies.
 */
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { SharedBuffer } from '@hopbine/common/wire/buffer-pool.ts'

/** Gets a fresh capability (and members) for the same block, when the one at hand has expired. */
export type RefreshBlock = () => Promise<LocatedBlock>

export interface BlockWriterOptions {
  /** Abort ends the stream; calls in progress fail with CANCELLED. */
  readonly signal?: AbortSignal | undefined
  /**
   * Length the block has, in bytes: 0 (default) starts a new block, −1 goes on where the datanode's copy
   * ends. A copy that is longer is cut to it, unless that would lose synced bytes; a shorter one fails with
   * BLOCK_NOT_FOUND.
   */
  readonly startOffset?: number
  readonly refresh?: RefreshBlock | undefined
  /** How long a lost datanode is tried again before the writer fails, in milliseconds. Default 5,000. */
  readonly reconnectMs?: number
}

export interface WriteOptions {
  /**
   * Where the bytes lie: they are not copied where that can be helped, and must not change before the last
   * holder lets go.
   */
  readonly shared?: SharedBuffer | undefined
  /** More follows at once, or a flush or sync does: a packet that is not full waits for it. */
  readonly isFollowed?: boolean
}

/**
 * A stream of bytes into one open block, at its end. Calls may overlap; they take effect in the order of the
 * calls.
 */
export interface BlockSink {
  /** Bytes that every member has received, verified and handed to its operating system. */
  readonly acknowledged: number
  /** Bytes accepted by `write` so far, counted from the block's start. */
  readonly length: number
  /**
   * Accepts bytes for the end of the block. Resolves when they are in the writer's window (at most 8 MiB), so
   * the caller may then reuse its memory. Small writes travel together; nothing waits for a timer.
   */
  write(bytes: Uint8Array, options?: WriteOptions): Promise<void>
  /** Resolves when everything written so far is acknowledged. */
  flush(): Promise<void>
  /** Resolves when everything written so far is on disk at every member. */
  sync(): Promise<void>
  /**
   * Ends the block at its present length, synced and immutable from then on, and gives the connection back.
   * The answer is the final length.
   */
  seal(): Promise<number>
  /**
   * Flushes, leaves the block open, and gives the connection back. Safe to call twice, and after a failure.
   */
  close(): Promise<void>
  /**
   * After a failure: what was accepted and never acknowledged, in order, to be written into another block.
   */
  unacknowledged(): Uint8Array[]
}

export interface ReadBlockOptions {
  readonly signal?: AbortSignal | undefined
  readonly refresh?: RefreshBlock | undefined
  /**
   * How long a read may wait, without a byte in between, for members that are away or busy, in milliseconds.
   * Default 0.
   */
  readonly patienceMs?: number
  /**
   * True: each buffer is valid only until the next step of the iteration, and its memory is used again. False
   * (the default): the buffers belong to the caller.
   */
  readonly reuse?: boolean
  /**
   * Told of each member that failed or served a bad byte before another one took over, or before the read
   * failed.
   */
  readonly onMemberFailed?: ((nodeId: string, error: Error) => void) | undefined
}
