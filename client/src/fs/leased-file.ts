/**
 * One inode that this session holds open for writing: its lease, its new blocks and its commits. It moves no bytes, and
 * after `complete` or `abandon` it is used no more.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { EXTENTS_PER_COMMIT_MAX } from '@hopbine/common/base/limits.ts'
import {
  abandon,
  addBlock,
  append,
  commitExtents,
  complete,
  create,
} from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import type { FileStatus, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { ExtentList } from './extents.ts'
import type { Session } from './session.ts'

export interface LeaseCall {
  readonly signal?: AbortSignal | undefined
  /** Overrides how long the call may wait for the server, in milliseconds. */
  readonly retryMs?: number
}

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
  static async create(
    session: Session,
    request: RequestOf<typeof create>,
    call: LeaseCall,
  ): Promise<LeasedFile> {
    const { status } = await session.rpc.call(create, request, call)
    return new LeasedFile(session, status)
  }

  /** Takes the lease of an existing file. */
  static async append(session: Session, path: string, call: LeaseCall): Promise<LeasedFile> {
    const { status } = await session.rpc.call(append, { path }, call)
    return new LeasedFile(session, status)
  }

  /** A new open block, not on the nodes that just failed. */
  async addBlock(exclude: readonly string[], call: LeaseCall): Promise<LocatedBlock> {
    const request = { inodeId: this.inodeId, exclude: [...exclude] }
    const { block } = await this.#session.rpc.call(addBlock, request, call)
    return { ...block, capability: Buffer.from(block.capability) }
  }

  /** Makes the listed ranges part of the file and takes them off the list; the lease stays. */
  async commit(extents: ExtentList, size: number, call: LeaseCall): Promise<void> {
    do {
      await this.#commitBatch(extents, size, call)
    } while (extents.length > 0)
  }

  /** Commits what is listed and gives the lease back. */
  async complete(extents: ExtentList, size: number, call: LeaseCall): Promise<FileStatus> {
    while (extents.length > EXTENTS_PER_COMMIT_MAX) await this.#commitBatch(extents, size, call)
    const batch = extents.take(EXTENTS_PER_COMMIT_MAX)
    return this.#complete({ inodeId: this.inodeId, extents: batch, size }, call)
  }

  /** Makes `inline` the whole content and gives the lease back. */
  async completeInline(inline: Uint8Array, call: LeaseCall): Promise<FileStatus> {
    return this.#complete({ inodeId: this.inodeId, extents: [], size: inline.length, inline }, call)
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

  async #commitBatch(extents: ExtentList, size: number, call: LeaseCall): Promise<void> {
    const batch = extents.take(EXTENTS_PER_COMMIT_MAX)
    const last = batch.at(-1)
    // Until the last batch the file ends where its committed bytes do, so that no hole shows in between.
    const reached = Math.max(this.status.size, last === undefined ? 0 : last.offset + last.length)
    const request = { inodeId: this.inodeId, extents: batch, size: extents.length === 0 ? size : reached }
    try {
      const { status } = await this.#session.rpc.call(commitExtents, request, call)
      this.status = status
    } catch (error) {
      extents.restore(batch)
      throw error
    }
  }
}
