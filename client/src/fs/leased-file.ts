/**
 * One inode that this session holds open for writing: its lease, its new blocks and its commits. It moves
 * no bytes, and after `complete` or `abandon` it is used no more.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import {
  abandon,
  addBlock,
  append,
  commitExtents,
  complete,
  create,
  punch,
  truncate,
} from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import type { Extent, FileStatus, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { checkAbort } from './abort.ts'
import type { ExtentList } from './extents.ts'
import type { Session } from './session.ts'

export interface LeaseCall {
  readonly signal?: AbortSignal | undefined
  /** Overrides how long the call may wait for the server, in milliseconds. */
  readonly retryMs?: number
}

/**
 * Ranges in one commit: a quarter of what is allowed, since the namenode does nothing else while it takes
 * them in.
 */
const EXTENTS_PER_BATCH = 1024
/** How long giving up may wait for the server, in milliseconds; later the lease ends by itself. */
const ABANDON_RETRY_MS = 2_000
/** Answers which say that there was nothing left to give up. */
const GONE_CODES = ['LEASE_LOST', 'STALE', 'NOT_FOUND'] as const

export class LeasedFile {
  readonly inodeId: number
  /** Attributes as of the newest answer. */
  status: FileStatus
  readonly #session: Session
  readonly #release: () => void

  private constructor(session: Session, status: FileStatus) {
    this.#session = session
    this.inodeId = status.id
    this.status = status
    this.#release = session.leases.hold()
  }

  /** Makes a file, empty and open. */
  static create(session: Session, request: RequestOf<typeof create>, call: LeaseCall): Promise<LeasedFile> {
    return LeasedFile.#take(session, call, () => session.rpc.call(create, request))
  }

  /** Takes the lease of an existing file. */
  static append(session: Session, path: string, call: LeaseCall): Promise<LeasedFile> {
    return LeasedFile.#take(session, call, () => session.rpc.call(append, { path }))
  }

  /** The same where that needs nobody to be asked: undefined, and nothing has happened, if it does. */
  static appendNow(session: Session, path: string): LeasedFile | undefined {
    const answer = session.rpc.tryLocal?.(append, { path })
    return answer === undefined ? undefined : new LeasedFile(session, answer.status)
  }

  /** A file whose lease was just taken, with these attributes. */
  static taken(session: Session, status: FileStatus): LeasedFile {
    return new LeasedFile(session, status)
  }

  /** Not cut short by an abort: a lease that was taken must be known here, to be given back. */
  static async #take(
    session: Session,
    call: LeaseCall,
    ask: () => Promise<{ status: FileStatus }>,
  ): Promise<LeasedFile> {
    checkAbort(call.signal)
    const { status } = await ask()
    const file = new LeasedFile(session, status)
    if (call.signal?.aborted) await file.abandon()
    checkAbort(call.signal)
    return file
  }

  /** A new open block, not on the nodes that just failed. */
  async addBlock(exclude: readonly string[], call: LeaseCall): Promise<LocatedBlock> {
    const request = { inodeId: this.inodeId, exclude: [...exclude] }
    const { block } = await this.#session.rpc.call(addBlock, request, call)
    return { ...block, capability: Buffer.from(block.capability) }
  }

  /** Makes the listed ranges part of the file and takes them off the list; the lease stays. */
  async commit(extents: ExtentList, call: LeaseCall): Promise<void> {
    while (extents.length > 0) await this.#commitBatch(extents, call)
  }

  /** Commits what is listed and gives the lease back. */
  async complete(extents: ExtentList, call: LeaseCall): Promise<FileStatus> {
    while (extents.length > EXTENTS_PER_BATCH) await this.#commitBatch(extents, call)
    const batch = extents.take(EXTENTS_PER_BATCH)
    return this.#complete({ inodeId: this.inodeId, extents: batch, size: this.#sizeWith(batch) }, call)
  }

  /** Cuts the file or grows it by a hole; the lease stays. */
  async truncate(size: number, call: LeaseCall): Promise<void> {
    const { status } = await this.#session.rpc.call(truncate, { path: inodePath(this.inodeId), size }, call)
    this.status = status
  }

  /** Makes a range a hole; the lease stays. */
  async punch(offset: number, length: number, call: LeaseCall): Promise<void> {
    const { status } = await this.#session.rpc.call(punch, { inodeId: this.inodeId, offset, length }, call)
    this.status = status
  }

  /** Makes `inline` the whole content and gives the lease back. */
  async completeInline(inline: Uint8Array, call: LeaseCall): Promise<FileStatus> {
    return this.#complete({ inodeId: this.inodeId, extents: [], size: inline.length, inline }, call)
  }

  /**
   * Gives the lease back, with `inline` as the whole content if there is any, where that needs nobody to be
   * asked: undefined, and nothing has happened, if it does.
   */
  completeNow(inline: Uint8Array | undefined): FileStatus | undefined {
    const size = inline?.length ?? this.status.size
    const request = { inodeId: this.inodeId, extents: [], size, inline }
    const answer = this.#session.rpc.tryLocal?.(complete, request)
    if (answer === undefined) return undefined
    this.#release()
    this.status = answer.status
    return answer.status
  }

  /** Gives the lease back; a file that `create` made vanishes. */
  async abandon(): Promise<void> {
    this.#release()
    try {
      await this.#session.rpc.call(abandon, { inodeId: this.inodeId }, { retryMs: ABANDON_RETRY_MS })
    } catch (error) {
      if (!GONE_CODES.some(code => isFsError(error, code))) throw error
    }
  }

  async #complete(request: RequestOf<typeof complete>, call: LeaseCall): Promise<FileStatus> {
    const { status } = await this.#session.rpc.call(complete, request, call)
    this.#release()
    this.status = status
    return status
  }

  async #commitBatch(extents: ExtentList, call: LeaseCall): Promise<void> {
    const batch = extents.take(EXTENTS_PER_BATCH)
    const request = { inodeId: this.inodeId, extents: batch, size: this.#sizeWith(batch) }
    try {
      const { status } = await this.#session.rpc.call(commitExtents, request, call)
      this.status = status
    } catch (error) {
      extents.restore(batch)
      throw error
    }
  }

  /** The file's size once the batch, which is sorted, is part of it. */
  #sizeWith(batch: readonly Extent[]): number {
    const last = batch.at(-1)
    return Math.max(this.status.size, last === undefined ? 0 : last.offset + last.length)
  }
}
