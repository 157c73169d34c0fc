/**
 * An open file with random access: reads and writes at positions, as pread(2) and pwrite(2) do. A handle
 * for writing holds the file's lease until it is closed. It keeps no position of its own. Calls may
 * overlap.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { checkRange } from './check-range.ts'
import { FileMap } from './file-map.ts'
import { LeasedFile } from './leased-file.ts'
import type { CallOptions, OpenFileOptions } from './options.ts'
import { RandomWriter } from './random-writer.ts'
import { readInto } from './read-range.ts'
import { createRequest } from './sequential-writer.ts'
import type { Session } from './session.ts'
import { FileStatus } from './status.ts'

/** Tries to open or else to make a file that others make and remove meanwhile. */
const OPEN_TRIES_MAX = 8

/** What a handle does its work with: one of the two. */
type Body = { readonly map: FileMap } | { readonly writer: RandomWriter }

export class FileHandle {
  readonly path: string
  readonly #session: Session
  readonly #body: Body
  #isClosed = false

  private constructor(session: Session, path: string, body: Body) {
    this.#session = session
    this.path = path
    this.#body = body
  }

  /** Opens the file at an absolute, checked path. */
  static async open(session: Session, path: string, options: OpenFileOptions): Promise<FileHandle> {
    if (options.write !== true && options.create !== true) {
      return new FileHandle(session, path, { map: await FileMap.open(session, path, 0, options) })
    }
    const lease = await leaseOf(session, path, options)
    return new FileHandle(session, path, { writer: await RandomWriter.open(session, lease, options) })
  }

  /** The inode behind the handle, which it follows whatever becomes of the name. */
  get inodeId(): number {
    return 'map' in this.#body ? this.#body.map.inodeId : this.#body.writer.inodeId
  }

  /** Bytes of the file: what was written through this handle counts, whether it is synced or not. */
  get size(): number {
    return 'map' in this.#body ? this.#body.map.status.size : this.#body.writer.size
  }

  /** Attributes as of the newest answer of the namenode. */
  get status(): FileStatus {
    return new FileStatus(this.path, 'map' in this.#body ? this.#body.map.status : this.#body.writer.status)
  }

  get isWritable(): boolean {
    return 'writer' in this.#body
  }

  /**
   * Fills `target` from `position` on. Returns how many bytes there were; fewer than asked for only at the
   * end.
   */
  async read(target: Buffer, position: number, options: CallOptions = {}): Promise<number> {
    this.#check()
    checkRange(position, target.length)
    if ('writer' in this.#body) return this.#body.writer.read(target, position, options)
    const { map } = this.#body
    const source = { session: this.#session, map }
    const found = await readInto(source, target, position, options)
    if (found === target.length) return found
    // The end as it was: another client may have written more since.
    await map.refresh(options)
    return found + (await readInto(source, target.subarray(found), position + found, options))
  }

  /**
   * Resolves when the bytes are taken over: `sync` or `close` makes them last. The memory may then be
   * reused.
   */
  async write(bytes: Uint8Array, position: number, options: CallOptions = {}): Promise<void> {
    await this.#writer().write(bytes, position, options)
  }

  /** Cuts the file or grows it by a hole. */
  async truncate(size: number, options: CallOptions = {}): Promise<void> {
    await this.#writer().truncate(size, options)
  }

  /** Resolves when everything written is on disk at every member and visible to others. */
  async sync(): Promise<void> {
    this.#check()
    if ('writer' in this.#body) await this.#body.writer.sync()
  }

  /** Forgets what a reading handle knows of the file: the next read asks anew. */
  async refresh(options: CallOptions = {}): Promise<void> {
    this.#check()
    if ('map' in this.#body) await this.#body.map.refresh(options)
  }

  /** Syncs and gives the lease back. After a failure it may be called again. */
  async close(): Promise<void> {
    if (this.#isClosed) return
    if ('writer' in this.#body) await this.#body.writer.close()
    this.#isClosed = true
  }

  /** Closes without saving what was not synced; a new file that was never synced vanishes. */
  async abort(): Promise<void> {
    if (this.#isClosed) return
    this.#isClosed = true
    if ('writer' in this.#body) await this.#body.writer.abort()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  #writer(): RandomWriter {
    this.#check()
    if ('writer' in this.#body) return this.#body.writer
    throw new FsError('INVALID_ARGUMENT', `${this.path} is open for reading only`, { path: this.path })
  }

  #check(): void {
    if (this.#isClosed) throw new FsError('INVALID_ARGUMENT', `${this.path} is closed`, { path: this.path })
  }
}

/** The lease of an existing or a new file, as the options ask for. */
async function leaseOf(session: Session, path: string, options: OpenFileOptions): Promise<LeasedFile> {
  const { signal } = options
  const request = createRequest(session, path, options)
  if (options.create !== true) return LeasedFile.append(session, path, { signal })
  if (options.exclusive === true || options.overwrite === true) {
    return LeasedFile.create(session, request, { signal })
  }
  for (let tries = 1; ; tries++) {
    try {
      return await LeasedFile.append(session, path, { signal })
    } catch (error) {
      if (!isFsError(error, 'NOT_FOUND')) throw error
    }
    try {
      return await LeasedFile.create(session, request, { signal })
    } catch (error) {
      if (!isFsError(error, 'ALREADY_EXISTS') || tries >= OPEN_TRIES_MAX) throw error
    }
  }
}
