/**
 * Writes one file from front to back. While it is small it stays in memory and costs one call at the end;
 * beyond that it goes into blocks. Its owner calls one method at a time and ends with `finish` or `abort`;
 * the streams do.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { create, IF_EXISTS, open } from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'
import { FLAG, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { checkAbort } from './abort.ts'
import { BlockAppender } from './block-appender.ts'
import { LeasedFile } from './leased-file.ts'
import type { CallOptions, CreateOptions } from './options.ts'
import type { Session } from './session.ts'
import { FileStatus } from './status.ts'

const FILE_MODE = 0o666

/** What `create` asks for a file at an absolute, checked path. */
export function createRequest(
  session: Session,
  path: string,
  options: CreateOptions,
  inline?: Uint8Array,
): RequestOf<typeof create> {
  return {
    path,
    mode: options.mode ?? FILE_MODE,
    ifExists: options.overwrite === true ? IF_EXISTS.overwrite : IF_EXISTS.fail,
    createParents: options.createParents ?? true,
    replication: options.replication ?? 0,
    blockSize: options.blockSize ?? 0,
    inline,
    // The server takes it off, unless a default ACL takes its place.
    umask: options.umask ?? session.umask,
  }
}

/** The bytes of an inline file, in memory of their own. */
export async function readInline(session: Session, inodeId: number, call: CallOptions): Promise<Buffer> {
  const request = { path: inodePath(inodeId), offset: 0, length: INLINE_BYTES_MAX }
  const { inline } = await session.rpc.call(open, request, { signal: call.signal })
  return Buffer.from(inline ?? [])
}

export class SequentialWriter {
  readonly path: string
  readonly #signal: AbortSignal
  readonly #stop = new AbortController()
  readonly #session: Session
  /** How a new file comes to be; undefined for one that is there already. */
  readonly #request: RequestOf<typeof create> | undefined
  /** The whole content while it is small; undefined once it is in blocks. */
  #small: Buffer | undefined
  #smallBytes = 0
  #file: LeasedFile | undefined
  #blocks: BlockAppender | undefined
  #position = 0
  /** Ends when the call in progress does; never rejects. */
  #busy: Promise<unknown> = Promise.resolve()
  #isOver = false

  private constructor(
    session: Session,
    path: string,
    signal: AbortSignal | undefined,
    request?: RequestOf<typeof create>,
  ) {
    this.#session = session
    this.path = path
    this.#signal = signal === undefined ? this.#stop.signal : AbortSignal.any([signal, this.#stop.signal])
    this.#request = request
  }

  /** A new file. Nothing is asked of the server before it grows beyond a small one, or ends. */
  static create(session: Session, path: string, options: CreateOptions): SequentialWriter {
    const request = createRequest(session, path, options)
    const writer = new SequentialWriter(session, path, options.signal, request)
    writer.#small = Buffer.allocUnsafeSlow(INLINE_BYTES_MAX)
    return writer
  }

  /** An existing file, from its end on. Takes its lease. */
  static async append(session: Session, path: string, options: CallOptions): Promise<SequentialWriter> {
    const writer = new SequentialWriter(session, path, options.signal)
    const file = await LeasedFile.append(session, path, { signal: options.signal })
    writer.#file = file
    writer.#position = file.status.size
    try {
      await writer.#load(file)
      return writer
    } catch (error) {
      await file.abandon()
      throw error
    }
  }

  /** Where the next byte goes. */
  get position(): number {
    return this.#position
  }

  /** Resolves when the bytes are taken over; the caller may then reuse its memory. */
  write(bytes: Uint8Array): Promise<void> {
    return this.#run(() => this.#write(bytes))
  }

  /** Resolves when everything written is on disk at every member and visible to readers. */
  sync(): Promise<void> {
    return this.#run(async () => {
      const blocks = await this.#intoBlocks()
      await blocks.sync()
      await this.#commit(blocks)
    })
  }

  /** Completes the file and gives the lease back. */
  finish(): Promise<FileStatus> {
    return this.#run(async () => {
      const status = await this.#complete()
      this.#isOver = true
      return new FileStatus(this.path, status)
    })
  }

  /**
   * Gives up, also in the middle of another call: a new file never was, an old one keeps what was
   * committed.
   */
  async abort(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#stop.abort()
    await this.#busy
    await this.#blocks?.close()
    await this.#file?.abandon()
  }

  /** Goes on from the content that an existing file has. */
  async #load(file: LeasedFile): Promise<void> {
    const { size, flags } = file.status
    const isInline = (flags & FLAG.inline) !== 0
    const call = { signal: this.#signal }
    const content = isInline ? await readInline(this.#session, file.inodeId, call) : Buffer.alloc(0)
    if (size <= INLINE_BYTES_MAX && (isInline || size === 0)) {
      // What lies behind the inline bytes is a hole.
      this.#small = Buffer.alloc(INLINE_BYTES_MAX)
      this.#small.set(content)
      this.#smallBytes = size
    } else {
      const blocks = await this.#intoBlocks()
      await blocks.append({ offset: 0, bytes: content })
    }
  }

  async #run<T>(work: () => Promise<T>): Promise<T> {
    this.#check()
    const result = work()
    this.#busy = Promise.allSettled([result])
    return result
  }

  async #write(bytes: Uint8Array): Promise<void> {
    if (this.#small !== undefined && this.#smallBytes + bytes.length <= INLINE_BYTES_MAX) {
      this.#small.set(bytes, this.#smallBytes)
      this.#smallBytes += bytes.length
      this.#position += bytes.length
      return
    }
    const blocks = await this.#intoBlocks()
    await blocks.append({ offset: this.#position, bytes })
    this.#position += bytes.length
    // A second range means that a block is full: readers may see it now. While its end is still on the way,
    // the next block waits with it: what a reader sees of a file that grows is always a beginning of it.
    const { extents } = blocks
    const committedSize = (this.#file as LeasedFile).status.size
    if (extents.length > 1 && extents.isUnbrokenFrom(committedSize)) await this.#commit(blocks)
  }

  async #complete(): Promise<WireStatus> {
    const call = { signal: this.#signal }
    if (this.#small !== undefined) {
      const inline = this.#small.subarray(0, this.#smallBytes)
      if (this.#file !== undefined) return this.#file.completeInline(inline, call)
      const request = { ...(this.#request as RequestOf<typeof create>), inline }
      const { status } = await this.#session.rpc.call(create, request, call)
      return status
    }
    const blocks = await this.#intoBlocks()
    await blocks.finish()
    return (this.#file as LeasedFile).complete(blocks.extents, call)
  }

  /** From here on the content goes into blocks. */
  async #intoBlocks(): Promise<BlockAppender> {
    if (this.#blocks !== undefined) return this.#blocks
    if (this.#file === undefined) {
      const request = this.#request as RequestOf<typeof create>
      this.#file = await LeasedFile.create(this.#session, request, { signal: this.#signal })
    }
    const blocks = new BlockAppender(this.#session.blocks, this.#file, this.#signal)
    this.#blocks = blocks
    const small = this.#small?.subarray(0, this.#smallBytes)
    this.#small = undefined
    if (small !== undefined) await blocks.append({ offset: 0, bytes: small })
    return blocks
  }

  async #commit(blocks: BlockAppender): Promise<void> {
    await (this.#file as LeasedFile).commit(blocks.extents, { signal: this.#signal })
  }

  #check(): void {
    if (this.#isOver) throw new FsError('INVALID_ARGUMENT', `${this.path} is no longer open for writing`)
    checkAbort(this.#signal)
  }
}
