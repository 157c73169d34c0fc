/**
 * Writes a file anywhere, as one holder of its lease. Small files stay in memory and go to the namenode
 * whole. Of larger ones, written bytes gather in memory up to a bound and go, sorted by their place in the
 * file, to the end of one open block; so scattered writes become long stretches that read well. It reads
 * its own writes. Calls may overlap.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { FLAG, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { BackgroundFlush } from './background-flush.ts'
import { BlockAppender } from './block-appender.ts'
import { checkRange } from './check-range.ts'
import { ExtentList } from './extents.ts'
import { FileMap } from './file-map.ts'
import { GatheredWrites } from './gathered-writes.ts'
import { LeasedFile } from './leased-file.ts'
import type { CallOptions } from './options.ts'
import { readInto } from './read-range.ts'
import { readInline } from './sequential-writer.ts'
import { Serial } from './serial.ts'
import type { Session } from './session.ts'
import { SmallContent } from './small-content.ts'

/** Ranges that wait for a commit before one is made without being asked for. */
const UNCOMMITTED_MAX = 1024
const NO_BYTES = new Uint8Array(0)

export class RandomWriter {
  readonly inodeId: number
  readonly #session: Session
  readonly #stop = new AbortController()
  /** Everything that changes blocks, extents or the lease. */
  readonly #serial = new Serial()
  /** Undefined after a small file was synced, until it is written again. */
  #lease: LeasedFile | undefined
  /** Attributes as of the newest answer. */
  #status: WireStatus
  /** The whole content while the file is small. */
  #small: SmallContent | undefined
  #size: number
  readonly #gathered: GatheredWrites
  readonly #background: BackgroundFlush
  #blocks: BlockAppender | undefined
  #isCommitting = false
  readonly #map: FileMap
  #isOver = false

  private constructor(session: Session, lease: LeasedFile) {
    this.#session = session
    this.#lease = lease
    this.#status = lease.status
    this.#size = lease.status.size
    this.inodeId = lease.inodeId
    this.#gathered = new GatheredWrites(session.blocks.buffers)
    this.#background = new BackgroundFlush(this.#gathered, () => this.#serial.run(() => this.#flush()))
    this.#map = FileMap.of(session, lease.status)
  }

  /** Goes on from the content that the leased file has. */
  static async open(session: Session, lease: LeasedFile, call: CallOptions): Promise<RandomWriter> {
    const writer = new RandomWriter(session, lease)
    try {
      await writer.#load(call)
      return writer
    } catch (error) {
      await lease.abandon()
      throw error
    }
  }

  /** The same for a file that has no content yet. */
  static openEmpty(session: Session, lease: LeasedFile): RandomWriter {
    const writer = new RandomWriter(session, lease)
    writer.#small = new SmallContent(NO_BYTES)
    return writer
  }

  /** Bytes of the file with everything written. */
  get size(): number {
    return this.#size
  }

  /** Memory that its content takes, in bytes, without what is on its way in streams. */
  get heldBytes(): number {
    return (this.#small?.length ?? 0) + this.#gathered.memoryBytes
  }

  /** Attributes as of the newest answer; what is not committed does not show. */
  get status(): WireStatus {
    return this.#lease?.status ?? this.#status
  }

  /** Resolves when the bytes are taken over; the caller may then reuse its memory. */
  async write(bytes: Uint8Array, position: number, call: CallOptions): Promise<void> {
    this.#check()
    checkRange(position, bytes.length)
    if (this.#lease === undefined) await this.#serial.run(() => this.#leaseAgain(call))
    if (bytes.length === 0) return
    const end = position + bytes.length
    if (this.#small?.fits(end)) {
      this.#small.write(position, bytes)
    } else {
      this.#leaveSmall()
      this.#gathered.write(position, bytes)
    }
    this.#size = Math.max(this.#size, end)
    await this.#background.afterWrite()
  }

  /** Like `write`, at once where nothing has to be waited for; false: nothing has happened. */
  writeNow(bytes: Uint8Array, position: number): boolean {
    this.#check()
    checkRange(position, bytes.length)
    const end = position + bytes.length
    if (bytes.length === 0 || (this.#lease === undefined && !this.#leaseAgainNow())) return false
    if (this.#small?.fits(end)) {
      this.#small.write(position, bytes)
    } else {
      if (!this.#background.hasRoom) return false
      this.#leaveSmall()
      this.#gathered.write(position, bytes)
      this.#background.start()
    }
    this.#size = Math.max(this.#size, end)
    return true
  }

  /** Like `sync`, at once where nobody has to be asked; false: nothing has happened. */
  syncNow(): boolean {
    this.#check()
    const small = this.#small
    if (small === undefined || !this.#serial.isIdle) return false
    return !small.isDirty || this.#completeNow(small)
  }

  /** Like `close`, at once where nobody has to be asked; false: nothing has happened. */
  closeNow(): boolean {
    if (this.#isOver) return true
    const small = this.#small
    if (small === undefined || !this.#serial.isIdle) return false
    if ((small.isDirty || this.#lease !== undefined) && !this.#completeNow(small)) return false
    this.#isOver = true
    return true
  }

  #completeNow(small: SmallContent): boolean {
    const status = this.#lease?.completeNow(small.isDirty ? small.bytes : undefined)
    if (status === undefined) return false
    small.isDirty = false
    this.#status = status
    this.#lease = undefined
    return true
  }

  /**
   * Fills `target` from `position` on, also with what was just written; returns how many bytes there were.
   */
  async read(target: Buffer, position: number, call: CallOptions): Promise<number> {
    this.#check()
    checkRange(position, target.length)
    const length = Math.max(Math.min(target.length, this.#size - position), 0)
    const wanted = target.subarray(0, length)
    if (length === 0) return 0
    if (this.#small !== undefined) return this.#small.bytes.copy(wanted, 0, position)
    if (this.#gathered.readNow(wanted, position)) return length
    await this.#gathered.readOver(wanted, position, async () => {
      const isUnmapped = this.#isCommitting || this.#blocks?.extents.touches(position, length) === true
      if (isUnmapped) await this.#serial.run(() => this.#commit())
      const found = await readInto({ session: this.#session, map: this.#map }, wanted, position, call)
      wanted.fill(0, found)
    })
    return length
  }

  /** Cuts the file or grows it by a hole. */
  async truncate(size: number, call: CallOptions): Promise<void> {
    this.#check()
    checkRange(size, 0)
    if (this.#lease === undefined) await this.#serial.run(() => this.#leaseAgain(call))
    if (this.#small?.fits(size)) {
      this.#small.resize(size)
      this.#size = size
      return
    }
    this.#leaveSmall()
    this.#gathered.cut(size)
    this.#size = size
    await this.#serial.run(() => this.#cut(size))
  }

  /** Writes at the end as it is under the lease, whatever the caller last knew. */
  async append(bytes: Uint8Array, call: CallOptions): Promise<void> {
    this.#check()
    if (this.#lease === undefined) await this.#serial.run(() => this.#leaseAgain(call))
    await this.write(bytes, this.#size, call)
  }

  /** Makes a range a hole: it reads as zeros. What lies behind the end stays nothing. */
  async punch(offset: number, length: number, call: CallOptions): Promise<void> {
    this.#check()
    checkRange(offset, length)
    if (this.#lease === undefined) await this.#serial.run(() => this.#leaseAgain(call))
    const end = Math.min(offset + length, this.#size)
    if (end <= offset) return
    if (this.#small !== undefined) {
      this.#small.write(offset, Buffer.alloc(end - offset))
      return
    }
    await this.#serial.run(async () => {
      await this.#flushAll()
      await this.#commit()
      await this.#leased().punch(offset, end - offset, {})
      this.#changed()
    })
  }

  /** Resolves when everything written is on disk at every member and visible to others. */
  async sync(): Promise<void> {
    this.#check()
    await this.#serial.run(() => this.#sync())
  }

  /** Like `sync`, and gives the lease back. */
  async close(): Promise<void> {
    if (this.#isOver) return
    await this.#serial.run(() => this.#complete())
    this.#isOver = true
  }

  /** Gives up what is not synced; a new file that was never synced vanishes. */
  async abort(): Promise<void> {
    if (this.#isOver) return
    this.#isOver = true
    this.#background.stop()
    this.#stop.abort()
    await this.#serial.run(async () => {
      await this.#blocks?.close()
      await this.#lease?.abandon()
    })
  }

  async #load(call: CallOptions): Promise<void> {
    const { status } = this.#leased()
    this.#status = status
    this.#size = status.size
    const isInline = (status.flags & FLAG.inline) !== 0
    if (!isInline && status.size > 0) return
    const content = isInline ? await readInline(this.#session, status.id, call) : Buffer.alloc(0)
    if (status.size <= INLINE_BYTES_MAX) this.#small = new SmallContent(content, status.size)
    else this.#gathered.write(0, content)
  }

  /**
   * A small file that was synced gave its lease back; it is taken again, and with it what others wrote
   * meanwhile.
   */
  async #leaseAgain(call: CallOptions): Promise<void> {
    if (this.#lease !== undefined) return
    const known = this.#status
    this.#lease = await LeasedFile.append(this.#session, inodePath(this.inodeId), { signal: call.signal })
    if (isSameContent(this.#lease.status, known)) return
    // Content changed on both sides: the later write wins, as it does in the server.
    if (this.#small === undefined || this.#small.isDirty) return
    this.#small = undefined
    await this.#load(call)
  }

  /** The same where nobody has to be asked and nobody has written meanwhile; false: nothing has happened. */
  #leaseAgainNow(): boolean {
    if (!this.#serial.isIdle) return false
    const lease = LeasedFile.appendNow(this.#session, inodePath(this.inodeId))
    if (lease === undefined) return false
    if (isSameContent(lease.status, this.#status)) this.#lease = lease
    else assert(lease.completeNow(undefined) !== undefined, 'a lease that was taken here is given back here')
    return this.#lease !== undefined
  }

  /** From here on the content goes into blocks. */
  #leaveSmall(): void {
    const small = this.#small
    if (small === undefined) return
    this.#small = undefined
    if (small.length > 0) this.#gathered.write(0, small.bytes)
  }

  /**
   * Puts one gathering into the block, `durably` on the members' disks. After a failure the next flush begins
   * with the same one.
   */
  async #flush(durably = false): Promise<void> {
    if (this.#gathered.isEmpty) return
    await this.#leaseAgain({})
    const blocks = this.#appender(this.#leased())
    await this.#gathered.flush(async pieces => {
      for (const piece of pieces) await blocks.append({ ...piece, isFollowed: true })
      // One question for both: what is synced has arrived.
      await (durably ? blocks.sync() : blocks.flush())
    })
    this.#background.forgetFailure()
    if (blocks.extents.length >= UNCOMMITTED_MAX) await this.#commit()
  }

  async #flushAll(): Promise<void> {
    while (!this.#gathered.isEmpty) await this.#flush()
  }

  /** Bytes behind `size` may be in blocks or on their way; those in `#dirty` are cut already. */
  async #cut(size: number): Promise<void> {
    try {
      await this.#leaseAgain({})
      if (this.#gathered.isFlushing) await this.#flush()
      await this.#commit()
      await this.#leased().truncate(size, {})
    } catch (error) {
      this.#size = Math.max(this.#size, this.status.size)
      throw error
    } finally {
      this.#changed()
    }
  }

  async #commit(): Promise<void> {
    const extents = this.#blocks?.extents
    if (extents === undefined || extents.length === 0) return
    await this.#taking(() => this.#leased().commit(extents, {}))
  }

  /** A commit takes ranges off the list that are in no map before it has ended. */
  async #taking<T>(commit: () => Promise<T>): Promise<T> {
    this.#isCommitting = true
    try {
      return await commit()
    } finally {
      this.#isCommitting = false
      this.#changed()
    }
  }

  /** What is known about the place of bytes is out of date. */
  #changed(): void {
    this.#status = this.status
    this.#map.invalidate()
    this.#map.status = this.status
  }

  async #sync(): Promise<void> {
    if (this.#small !== undefined) {
      if (this.#small.isDirty) await this.#completeSmall(this.#small)
      return
    }
    if (this.#gathered.isEmpty) await this.#blocks?.sync()
    while (!this.#gathered.isEmpty) await this.#flush(true)
    await this.#commit()
  }

  async #complete(): Promise<void> {
    if (this.#small?.isDirty) return this.#completeSmall(this.#small)
    await this.#flushAll()
    await this.#blocks?.finish()
    const lease = this.#lease
    if (lease === undefined) return
    const extents = this.#blocks?.extents ?? new ExtentList()
    this.#status = await this.#taking(() => lease.complete(extents, {}))
    this.#lease = undefined
  }

  /** A small file goes to the namenode whole, which ends the lease. */
  async #completeSmall(small: SmallContent): Promise<void> {
    await this.#leaseAgain({})
    const inline = Buffer.from(small.bytes)
    small.isDirty = false
    try {
      this.#status = await this.#leased().completeInline(inline, {})
      this.#lease = undefined
    } catch (error) {
      small.isDirty = true
      throw error
    }
  }

  #appender(lease: LeasedFile): BlockAppender {
    this.#blocks ??= new BlockAppender(this.#session.blocks, lease, this.#stop.signal)
    return this.#blocks
  }

  #leased(): LeasedFile {
    if (this.#lease !== undefined) return this.#lease
    throw new FsError('LEASE_LOST', `inode ${this.inodeId} is no longer leased`)
  }

  #check(): void {
    if (this.#isOver) throw new FsError('INVALID_ARGUMENT', 'the file is closed')
  }
}

function isSameContent(one: WireStatus, other: WireStatus): boolean {
  return one.size === other.size && one.mtime === other.mtime && one.mtimeNs === other.mtimeNs
}
