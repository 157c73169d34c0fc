/**
 * One inode that is open in this mount, shared by all its handles: one writer with the file's lease while
 * there is something to write, else one map for reading. All handles see each other's writes at once. Who
 * may open it was decided before; what happens here is done in the name of the mount.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { releaseOrphans, truncate } from '@hopbine/common/protocol/metadata.ts'
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { FileMap } from '../../fs/file-map.ts'
import { LeasedFile } from '../../fs/leased-file.ts'
import { RandomWriter } from '../../fs/random-writer.ts'
import { readInto } from '../../fs/read-range.ts'
import { Serial } from '../../fs/serial.ts'
import type { Session } from '../../fs/session.ts'
import type { KernelTime } from '../protocol/request.ts'
import { now, type Overlay } from './attributes.ts'
import type { KernelCache, Stamp } from './kernel-cache.ts'
import { whileLeased } from './while-leased.ts'

/** Codes of a file that was removed, so that there is nothing left to save into. */
const GONE_CODES = ['LEASE_LOST', 'STALE', 'NOT_FOUND'] as const

export class OpenFile {
  readonly inodeId: number
  /** Permission bits and group as known last, for clearing set-uid bits at the first write. */
  mode: number
  group: string
  /** Whether the next read is to move the access time. */
  isAccessDue = false
  readonly #session: Session
  readonly #cache: KernelCache
  /** Opens and closes of the writer, one after the other. */
  readonly #turns = new Serial()
  #handles = 0
  #writableHandles = 0
  #writer: RandomWriter | undefined
  /** While the writer is being closed: nothing may be written into it any more. */
  #closing: Promise<void> | undefined
  #map: FileMap | undefined
  /** From before the map was asked for. */
  #mapStamp: Stamp
  #changed: KernelTime | undefined
  /** Ends what lets the namenode know that we live: inodes without a name are kept for those who do. */
  readonly #endOpen: () => void
  /** Set when the last name is gone: the namenode keeps the inode until it is released. */
  #endOrphan: (() => void) | undefined

  constructor(session: Session, cache: KernelCache, status: WireStatus) {
    this.#session = session
    this.#cache = cache
    this.#mapStamp = cache.stamp()
    this.#endOpen = session.leases.hold()
    this.inodeId = status.id
    this.mode = status.mode
    this.group = status.group
  }

  get handles(): number {
    return this.#handles
  }

  get isOpenForWriting(): boolean {
    return this.#writableHandles > 0
  }

  get hasWriter(): boolean {
    return this.#writer !== undefined
  }

  get heldBytes(): number {
    return this.#writer?.heldBytes ?? 0
  }

  /** Saves everything and gives the lease back; the next write takes it again. */
  async spill(): Promise<void> {
    await this.#closeWriter()
  }

  get overlay(): Overlay | undefined {
    const writer = this.#writer
    return writer === undefined ? undefined : { size: writer.size, changed: this.#changed }
  }

  get isOrphan(): boolean {
    return this.#endOrphan !== undefined
  }

  /** `end` is called when the inode was given up. */
  setOrphan(end: () => void): void {
    this.#endOrphan?.()
    this.#endOrphan = end
  }

  /** It has a name now, so nobody needs to hear that it is open. */
  named(): void {
    this.#endOrphan?.()
    this.#endOrphan = undefined
  }

  addHandle(isWritable: boolean): void {
    this.#handles += 1
    if (isWritable) this.#writableHandles += 1
  }

  /** Takes over a file that was just made and is leased. */
  async adopt(lease: LeasedFile): Promise<void> {
    await this.#turns.run(async () => {
      this.#writer = await RandomWriter.open(this.#session, lease, {})
    })
  }

  /** The same at once, for one that nobody has opened before. */
  adoptNew(lease: LeasedFile): void {
    assert(this.#writer === undefined && this.#turns.isIdle, 'a new file has no writer')
    this.#writer = RandomWriter.openEmpty(this.#session, lease)
  }

  /** Takes over where the content is, from an open that began at `stamp`. */
  useMap(map: FileMap, stamp: Stamp): void {
    this.#map = map
    this.#mapStamp = stamp
  }

  /** Fills `target`; returns how many bytes there were before the end. */
  async read(target: Buffer, position: number): Promise<number> {
    const writer = this.#writer
    if (writer !== undefined) return writer.read(target, position, {})
    const source = { session: this.#session, map: await this.#currentMap(position) }
    const found = await readInto(source, target, position, {})
    if (found === target.length) return found
    // The end as it was: another client may have written more since.
    await source.map.refresh({})
    return found + (await readInto(source, target.subarray(found), position + found, {}))
  }

  /** Where the content is, asked anew when others changed it or could have. */
  async #currentMap(position: number): Promise<FileMap> {
    if (this.#map !== undefined && this.#cache.isFresh(this.#mapStamp, this.inodeId)) return this.#map
    const stamp = this.#cache.stamp()
    const map = await FileMap.open(this.#session, inodePath(this.inodeId), position, {})
    if (this.#writer === undefined && this.#handles > 0) this.useMap(map, stamp)
    return map
  }

  /**
   * Writes at once if nothing has to be waited for; undefined is the end, wherever that is by now. False:
   * nothing has happened.
   */
  writeNow(bytes: Uint8Array, position: number | undefined): boolean {
    const writer = this.#writer
    if (writer === undefined || this.#closing !== undefined) return false
    if (!writer.writeNow(bytes, position ?? writer.size)) return false
    this.#changed = now()
    return true
  }

  async write(bytes: Uint8Array, position: number): Promise<void> {
    await this.#writing(writer => writer.write(bytes, position, {}))
  }

  /** Writes at the end, wherever that is by now. */
  async append(bytes: Uint8Array): Promise<void> {
    await this.#writing(writer => writer.append(bytes, {}))
  }

  async truncate(size: number, how: 'through-writer' | 'at-once' = 'at-once'): Promise<void> {
    if (this.#writer === undefined && how === 'at-once') {
      await whileLeased(() => this.#session.rpc.call(truncate, { path: inodePath(this.inodeId), size }))
      this.#map = undefined
      return
    }
    await this.#writing(writer => writer.truncate(size, {}))
  }

  /** Makes a range a hole. */
  async punch(offset: number, length: number): Promise<void> {
    await this.#writing(writer => writer.punch(offset, length, {}))
  }

  get size(): number | undefined {
    return this.#writer?.size ?? this.#map?.status.size
  }

  /** Where the bytes are, as of now: what was written is saved first. */
  async freshMap(offset: number): Promise<FileMap> {
    await this.sync()
    return FileMap.open(this.#session, inodePath(this.inodeId), offset, {})
  }

  /** Resolves when everything written is durable and visible to others. */
  async sync(): Promise<void> {
    await this.#closing
    await whileLeased(async () => this.#writer?.sync())
    this.#changed = undefined
  }

  /** The same, at once where nobody has to be asked; false: nothing has happened. */
  syncNow(): boolean {
    if (this.#closing !== undefined || this.#writer?.syncNow() === false) return false
    this.#changed = undefined
    return true
  }

  /** Others may have written until now, or may from now on: what was written is saved, the rest forgotten. */
  async settle(): Promise<void> {
    await this.#closeWriter()
    this.#map = undefined
  }

  /** A descriptor was closed: the same, and the lease goes back unless others may still write. */
  async flush(isWritable: boolean): Promise<void> {
    if (this.#writer === undefined) return
    if (isWritable && this.#writableHandles <= 1) await this.#closeWriter()
    else await this.sync()
  }

  /** The same, at once where nobody has to be asked; false: nothing has happened. */
  flushNow(isWritable: boolean): boolean {
    if (this.#writer === undefined) return true
    if (!isWritable || this.#writableHandles > 1) return this.syncNow()
    if (!this.#turns.isIdle || !this.#writer.closeNow()) return false
    this.#writer = undefined
    this.#map = undefined
    this.#changed = undefined
    return true
  }

  /** Like `release` of a file that has nothing to save; false: nothing has happened. */
  releaseNow(isWritable: boolean): boolean {
    if (this.#writer !== undefined || !this.#turns.isIdle || this.#endOrphan !== undefined) return false
    this.#dropHandle(isWritable)
    if (this.#handles === 0) this.#forget()
    return true
  }

  #dropHandle(isWritable: boolean): void {
    this.#handles -= 1
    if (isWritable) this.#writableHandles -= 1
    assert(this.#handles >= 0 && this.#writableHandles >= 0, 'more releases than opens')
  }

  #forget(): void {
    this.#map = undefined
    this.#endOpen()
  }

  /** A handle is gone. True when it was the last one. */
  async release(isWritable: boolean): Promise<boolean> {
    this.#dropHandle(isWritable)
    try {
      if (this.#writableHandles === 0) await this.#closeWriter()
    } catch (error) {
      // Nobody is left who could try again; a lease that is kept would keep others out.
      await this.#giveUpWriter()
      throw error
    } finally {
      if (this.#handles === 0) await this.#letGo()
    }
    return this.#handles === 0
  }

  /** What was not saved is lost, as whoever closed the file was told. */
  async #giveUpWriter(): Promise<void> {
    await this.#turns.run(async () => {
      const writer = this.#writer
      if (writer === undefined || this.#writableHandles > 0) return
      this.#writer = undefined
      this.#map = undefined
      this.#changed = undefined
      await writer.abort()
    })
  }

  async #letGo(): Promise<void> {
    this.#forget()
    const end = this.#endOrphan
    if (end === undefined) return
    this.#endOrphan = undefined
    try {
      await this.#session.rpc.call(releaseOrphans, { inodeIds: [this.inodeId] })
    } finally {
      end()
    }
  }

  /**
   * Works with the writer, which is opened if there is none. The work begins in the same turn in which the
   * writer was seen: it is not being closed then, and a close that comes later saves what it did.
   */
  async #writing(work: (writer: RandomWriter) => Promise<unknown>): Promise<void> {
    await whileLeased(async () => {
      while (this.#closing !== undefined || this.#writer === undefined) {
        if (this.#closing !== undefined) await this.#closing
        else await this.#turns.run(() => this.#openWriter())
      }
      await work(this.#writer)
    })
    this.#changed = now()
  }

  async #openWriter(): Promise<void> {
    if (this.#writer !== undefined) return
    const path = inodePath(this.inodeId)
    const lease = await whileLeased(() => LeasedFile.append(this.#session, path, {}))
    this.#writer = await RandomWriter.open(this.#session, lease, {})
  }

  async #closeWriter(): Promise<void> {
    await this.#turns.run(async () => {
      const writer = this.#writer
      if (writer === undefined) return
      let done: (() => void) | undefined
      this.#closing = new Promise(resolve => {
        done = resolve
      })
      try {
        await this.#close(writer)
      } finally {
        this.#closing = undefined
        done?.()
      }
    })
  }

  /** After a failure the writer stays, so that a later sync or close may try again. */
  async #close(writer: RandomWriter): Promise<void> {
    try {
      await whileLeased(() => writer.close())
    } catch (error) {
      const isGone = this.#handles === 0 && GONE_CODES.some(code => isFsError(error, code))
      if (!isGone) throw error
      await writer.abort()
    }
    this.#writer = undefined
    this.#map = undefined
    this.#changed = undefined
  }
}
