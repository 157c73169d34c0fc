/**
 * Where the bytes of one inode are, asked of the namenode window by window, so that memory stays bounded
 * however much a file is cut. A window is used for less than the life of its capabilities. It follows the
 * inode, not the name: a file that is renamed meanwhile reads on, one that is replaced does not change
 * under its reader.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { CAPABILITY_MS, EXTENTS_PER_COMMIT_MAX, INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import {
  type Extent,
  KIND,
  type LocatedBlock,
  type FileStatus as WireStatus,
} from '@hopbine/common/protocol/types.ts'
import { clip, coalesce } from './extents.ts'
import type { CallOptions } from './options.ts'
import type { Session } from './session.ts'

/** File range asked for at a time, in bytes. */
const WINDOW_BYTES = 256 * 1024 * 1024
/** Windows start at multiples of this, in bytes, unless an answer ended early. */
const ALIGN_BYTES = 4 * 1024 * 1024
/** Windows kept for reads here and there; the one used longest ago goes first. */
const WINDOWS_MAX = 8
/** A window is asked for anew after so long, in milliseconds: three quarters of a capability's life. */
const FRESH_MS = CAPABILITY_MS * 0.75

/** A range of the file and where its bytes were when the namenode answered. */
export interface Window {
  readonly start: number
  readonly end: number
  /** Sorted, without overlaps, neighbours joined. */
  readonly extents: readonly Extent[]
  readonly blocks: ReadonlyMap<number, LocatedBlock>
  /** First bytes of a file whose bytes live in the metadata store; behind them are holes. */
  readonly inline: Buffer | undefined
  readonly askedAtMs: number
}

export class FileMap {
  readonly inodeId: number
  /** Attributes as of the newest answer. */
  status: WireStatus
  readonly #session: Session
  #windows: Window[] = []
  /** Grows when what was answered before is no longer to be believed. */
  #epoch = 0

  private constructor(session: Session, status: WireStatus) {
    this.#session = session
    this.status = status
    this.inodeId = status.id
  }

  /**
   * Opens the file at an absolute, checked path; `start` is where reading begins. IS_A_DIRECTORY for a
   * directory.
   */
  static async open(session: Session, path: string, start: number, call: CallOptions): Promise<FileMap> {
    const asked = startOf(start)
    const askedAtMs = performance.now()
    const request = { path, offset: asked, length: WINDOW_BYTES }
    const answer = await session.rpc.call(open, request, { signal: call.signal })
    if (answer.status.kind === KIND.directory) {
      throw new FsError('IS_A_DIRECTORY', `${path} is a directory`, { path })
    }
    const map = new FileMap(session, answer.status)
    map.#take(answer, asked, askedAtMs, map.#epoch)
    return map
  }

  /** The map of a file whose attributes are known; nothing is asked before the first window. */
  static of(session: Session, status: WireStatus): FileMap {
    return new FileMap(session, status)
  }

  /** A fresh window that holds `offset`. */
  async window(offset: number, call: CallOptions): Promise<Window> {
    const known = this.#windows.findIndex(window => window.start <= offset && offset < window.end)
    const window = this.#windows[known]
    if (window !== undefined && performance.now() - window.askedAtMs < FRESH_MS) {
      this.#windows.splice(known, 1)
      this.#windows.push(window)
      return window
    }
    if (window !== undefined) this.#windows.splice(known, 1)
    return this.#ask(offset, call)
  }

  /** Forgets what was answered: the file may have changed. */
  invalidate(): void {
    this.#windows = []
    this.#epoch += 1
  }

  /** Asks for attributes and inline bytes anew. */
  async refresh(call: CallOptions): Promise<void> {
    this.invalidate()
    await this.#ask(0, call)
  }

  /** The block with a new capability. STALE when the file no longer has it at `offset`. */
  async relocate(blockId: number, offset: number, call: CallOptions): Promise<LocatedBlock> {
    this.invalidate()
    const { blocks } = await this.#ask(offset, call)
    const block = blocks.get(blockId)
    if (block === undefined) throw new FsError('STALE', 'the file was changed while it was being read')
    return block
  }

  async #ask(offset: number, call: CallOptions): Promise<Window> {
    for (let start = startOf(offset); ; ) {
      const askedAtMs = performance.now()
      const epoch = this.#epoch
      const request = { path: inodePath(this.inodeId), offset: start, length: WINDOW_BYTES }
      const answer = await this.#session.rpc.call(open, request, { signal: call.signal })
      const window = this.#take(answer, start, askedAtMs, epoch)
      if (window.end > offset) return window
      // So much cut that the answer ended before the offset.
      start = window.end
    }
  }

  #take(answer: ResponseOf<typeof open>, start: number, askedAtMs: number, epoch: number): Window {
    const isCurrent = epoch === this.#epoch
    if (isCurrent) this.status = answer.status
    const last = answer.extents[EXTENTS_PER_COMMIT_MAX - 1]
    const end = last === undefined ? start + WINDOW_BYTES : last.offset + last.length
    if (end <= start) throw new FsError('BAD_FRAME', 'the namenode answered extents out of range')
    const parts = answer.extents.map(extent => clip(extent, start, end)).filter(part => part !== undefined)
    const blocks = answer.blocks.map(
      block =>
        [
          block.blockId,
          // A copy: the answer's bytes are a view of a whole network buffer.
          { ...block, capability: Buffer.from(block.capability) },
        ] as const,
    )
    const inline = answer.inline === undefined ? undefined : Buffer.from(answer.inline)
    const window = { start, end, extents: coalesce(parts), blocks: new Map(blocks), inline, askedAtMs }
    // An answer that was overtaken serves the read that asked for it, and no other.
    if (isCurrent) this.#windows.push(window)
    if (this.#windows.length > WINDOWS_MAX) this.#windows.shift()
    return window
  }
}

/** Where to start asking so that inline bytes come whole and reads nearby share a window. */
function startOf(offset: number): number {
  return offset < INLINE_BYTES_MAX ? 0 : Math.floor(offset / ALIGN_BYTES) * ALIGN_BYTES
}
