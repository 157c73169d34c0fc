/**
 * One block on disk with its checksums: appended to while it is open, synced, sealed, and read with every
 * chunk verified. It trusts its caller for rights and for the order of appends (one at a time), and never
 * returns a byte that fails its checksum. What a bad block means is for `BlockStore` to decide.
 */
import { fstatSync } from 'node:fs'
import { rename } from 'node:fs/promises'
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import { chunkStart } from '@hopbine/common/wire/chunk-crc.ts'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import {
  ENTRIES_START,
  ENTRY_BYTES,
  encodeEntries,
  encodeIdentity,
  encodeSlot,
  slotPosition,
} from './checksum-file.ts'
import { closeFile, openFile, readAt, syncData, truncateFile, writeAt } from './disk.ts'
import type { BlockFolders } from './folders.ts'
import { type BlockName, blockPath } from './layout.ts'
import { type BlockState, EMPTY_BLOCK, otherSlot, provenSlot, readChecksums, stateAfter } from './recovery.ts'

/** Bytes to append, with the checksum of each chunk they touch from that chunk's start on. */
export interface Piece {
  readonly bytes: Uint8Array
  readonly offset: number
  readonly crcs: readonly number[]
}

/** A length of the block and the checksum of its last partial chunk, fixed for the time of one read. */
export interface View {
  readonly length: number
  readonly tailCrc: number
  /** Changes when the block is cut: bytes that fail under an older view are no proof of corruption. */
  readonly cuts: number
}

/** After so many unsynced bytes the disk is told to begin, so that a later sync finds little left. */
const WRITEBACK_BYTES = 64 * 1024 * 1024

interface Files {
  readonly dataFd: number
  /** Undefined once sealed. */
  readonly crcFd: number | undefined
}

export class BlockFile {
  readonly name: BlockName
  readonly #dataDir: string
  readonly #folders: BlockFolders
  readonly #dataFd: number
  #crcFd: number | undefined
  #generation: number
  #length: number
  #syncedLength: number
  #tailCrc: number
  /** Checksums of whole chunks; room for more. */
  #crcs: Uint32Array
  #sequence: number
  #nextSynced: number
  #nextAcknowledged: number
  #cuts = 0
  /** False until a sync has made the files' names durable. */
  #isNamed = false
  #unsyncedBytes = 0
  #writeback: Promise<void> | undefined
  #diskError: Error | undefined
  #syncing: Promise<void> | undefined
  #syncNext: Promise<void> | undefined

  private constructor(dataDir: string, name: BlockName, folders: BlockFolders, parts: BlockState & Files) {
    this.#dataDir = dataDir
    this.#folders = folders
    this.name = name
    this.#dataFd = parts.dataFd
    this.#crcFd = parts.crcFd
    this.#generation = parts.generation
    this.#length = parts.length
    this.#syncedLength = parts.syncedLength
    this.#tailCrc = parts.tailCrc
    this.#crcs = parts.crcs
    this.#sequence = parts.sequence
    this.#nextSynced = parts.nextSynced
    this.#nextAcknowledged = parts.nextAcknowledged
  }

  /** A new, empty, open block. The folder exists. */
  static async create(
    dataDir: string,
    name: BlockName,
    folders: BlockFolders,
    generation: number,
  ): Promise<BlockFile> {
    const crcFd = await openFile(blockPath(dataDir, name, 'crc'), 'w+')
    try {
      const dataFd = await openFile(blockPath(dataDir, name, 'open'), 'wx+')
      const file = new BlockFile(dataDir, name, folders, { ...EMPTY_BLOCK, dataFd, crcFd, generation })
      await writeAt(crcFd, [encodeIdentity(name)], 0)
      await file.#state(0, 0)
      return file
    } catch (error) {
      await closeFile(crcFd)
      throw error
    }
  }

  /** Throws NOT_FOUND or CORRUPT. */
  static async openSealed(dataDir: string, name: BlockName, folders: BlockFolders): Promise<BlockFile> {
    const dataFd = await openFile(blockPath(dataDir, name, 'blk'), 'r')
    try {
      const { synced, crcs } = await readChecksums(dataDir, name)
      const slot = synced[0]
      if (slot === undefined || slot.length !== fstatSync(dataFd).size) {
        throw new FsError('CORRUPT', `sealed block ${name.blockId} is not as long as its checksum file says`)
      }
      if (crcs.length < Math.floor(slot.length / CHECKSUM_CHUNK_BYTES)) {
        throw new FsError('CORRUPT', `sealed block ${name.blockId} has lost checksums`)
      }
      const parts = { ...EMPTY_BLOCK, ...slot, syncedLength: slot.length, dataFd, crcFd: undefined, crcs }
      return new BlockFile(dataDir, name, folders, parts)
    } catch (error) {
      await closeFile(dataFd)
      throw error
    }
  }

  /** Throws NOT_FOUND or CORRUPT. Cuts a torn tail off. `memory`: 64 KiB or more to verify with. */
  static async openUnsealed(
    dataDir: string,
    name: BlockName,
    folders: BlockFolders,
    memory: Buffer,
  ): Promise<BlockFile> {
    const dataFd = await openFile(blockPath(dataDir, name, 'open'), 'r+')
    let crcFd: number | undefined
    try {
      const checksums = await readChecksums(dataDir, name)
      crcFd = await openFile(blockPath(dataDir, name, 'crc'), 'r+')
      const sizeBytes = fstatSync(dataFd).size
      const slot = await provenSlot(dataFd, sizeBytes, checksums, memory)
      const length = slot?.length ?? 0
      if (sizeBytes > length) await truncateFile(dataFd, length)
      const file = new BlockFile(dataDir, name, folders, { ...stateAfter(checksums, slot), dataFd, crcFd })
      if (slot?.sealed === true) await file.#becomeSealed()
      else await file.#state(length, slot?.tailCrc ?? 0)
      return file
    } catch (error) {
      await closeFile(dataFd)
      if (crcFd !== undefined) await closeFile(crcFd)
      throw error
    }
  }

  get length(): number {
    return this.#length
  }

  get syncedLength(): number {
    return this.#syncedLength
  }

  get generation(): number {
    return this.#generation
  }

  get isSealed(): boolean {
    return this.#crcFd === undefined
  }

  /** No byte was ever written, and nobody was promised that the block is there. */
  get isBlank(): boolean {
    return !this.isSealed && this.#length === 0 && this.#syncedLength === 0 && !this.#isNamed
  }

  view(): View {
    return { length: this.#length, tailCrc: this.#tailCrc, cuts: this.#cuts }
  }

  /** A writer of a newer generation takes over; its number is written with the next length. */
  raiseGeneration(generation: number): void {
    assert(generation >= this.#generation, 'generations only grow')
    this.#generation = generation
  }

  /** Writes pieces that follow one another from the block's end. After a failure the block is as before. */
  async append(pieces: readonly Piece[]): Promise<void> {
    this.#checkWritable()
    const start = this.#length
    let end = start
    let tailCrc = this.#tailCrc
    for (const piece of pieces) {
      assert(piece.offset === end, 'pieces follow one another')
      end += piece.bytes.length
      tailCrc = this.#keepCrcs(piece, end)
    }
    const bytes = pieces.map(piece => piece.bytes)
    // All writes must have ended before a failure is told: their memory is used again then.
    const results = await Promise.allSettled([writeAt(this.#dataFd, bytes, start), this.#state(end, tailCrc)])
    const failure = results.find(result => result.status === 'rejected')
    if (failure !== undefined) {
      await this.#takeBack()
      throw failure.reason
    }
    this.#length = end
    this.#tailCrc = tailCrc
    this.#unsyncedBytes += end - start
    if (this.#unsyncedBytes >= WRITEBACK_BYTES) this.#startWriteback()
  }

  /** Shortens an open block, never below what was synced. */
  async cut(length: number, memory: Buffer): Promise<void> {
    this.#checkWritable()
    assert(length <= this.#length, 'a cut makes a block shorter')
    if (length < this.#syncedLength) {
      const details = { length: this.#length, syncedLength: this.#syncedLength }
      throw new FsError('INVALID_ARGUMENT', `${this.#syncedLength} bytes of the block are synced`, details)
    }
    const start = chunkStart(length)
    // The chunk must be good as a whole before a part of it gets a checksum of its own.
    const { bytes } =
      start === length ? { bytes: undefined } : await this.read(this.view(), start, length, memory)
    await truncateFile(this.#dataFd, length)
    this.#cuts += 1
    this.#length = length
    this.#tailCrc = bytes === undefined ? 0 : crc32c(bytes)
    await this.#state(length, this.#tailCrc)
  }

  /** Resolves when everything appended before the call is on disk, names included. Calls share their work. */
  sync(): Promise<void> {
    if (this.isSealed) return Promise.resolve()
    if (this.#syncing === undefined) return this.#startSync()
    this.#syncNext ??= this.#syncing.then(
      () => this.#startSync(),
      () => this.#startSync(),
    )
    return this.#syncNext
  }

  /** Syncs and makes the block immutable at its present length. No append or sync is under way. */
  async seal(): Promise<void> {
    if (this.isSealed) return
    await this.#syncing
    await this.#syncOnce(true)
    await this.#becomeSealed()
  }

  /**
   * Reads `position` … `end` (at most 1 MiB, within the view) into `memory`, verifying every chunk it
   * touches. Answers the bytes asked for and the checksum of each piece of them. Throws CORRUPT.
   */
  async read(
    view: View,
    position: number,
    end: number,
    memory: Buffer,
  ): Promise<{ bytes: Buffer; crcs: number[] }> {
    const start = chunkStart(position)
    const stop = Math.min(view.length, chunkStart(end - 1) + CHECKSUM_CHUNK_BYTES)
    const whole = memory.subarray(0, stop - start)
    if ((await readAt(this.#dataFd, whole, start)) < whole.length) {
      throw new FsError('CORRUPT', `block ${this.name.blockId} is shorter than ${stop} bytes`)
    }
    const crcs: number[] = []
    for (let at = start; at < stop; at += CHECKSUM_CHUNK_BYTES) {
      const chunk = whole.subarray(at - start, at - start + CHECKSUM_CHUNK_BYTES)
      const crc = crc32c(chunk)
      if (crc !== this.#expectedCrc(view, at)) {
        throw new FsError('CORRUPT', `block ${this.name.blockId} fails its checksum at ${at}`, { offset: at })
      }
      const from = Math.max(position - at, 0)
      const to = Math.min(end - at, chunk.length)
      crcs.push(from === 0 && to === chunk.length ? crc : crc32c(chunk.subarray(from, to)))
    }
    return { bytes: whole.subarray(position - start, end - start), crcs }
  }

  /** Closes the files; nothing else is under way or may follow. */
  async close(): Promise<void> {
    await this.#writeback
    await closeFile(this.#dataFd)
    if (this.#crcFd !== undefined) await closeFile(this.#crcFd)
  }

  #expectedCrc(view: View, chunkOffset: number): number | undefined {
    const isWhole = chunkOffset + CHECKSUM_CHUNK_BYTES <= view.length
    return isWhole ? this.#crcs[chunkOffset / CHECKSUM_CHUNK_BYTES] : view.tailCrc
  }

  #checkWritable(): void {
    if (this.#diskError !== undefined) throw this.#diskError
    if (this.isSealed) throw new FsError('INVALID_ARGUMENT', `block ${this.name.blockId} is sealed`)
  }

  /** Keeps a piece's checksums; answers the one of the partial chunk that it ends in. */
  #keepCrcs(piece: Piece, end: number): number {
    const first = Math.floor(piece.offset / CHECKSUM_CHUNK_BYTES)
    const whole = Math.floor(end / CHECKSUM_CHUNK_BYTES)
    if (whole > this.#crcs.length) {
      const larger = new Uint32Array(Math.max(whole, this.#crcs.length * 2))
      larger.set(this.#crcs)
      this.#crcs = larger
    }
    for (let index = first; index < whole; index++) this.#crcs[index] = piece.crcs[index - first] as number
    return chunkStart(end) === end ? 0 : (piece.crcs[whole - first] as number)
  }

  /**
   * Writes what holds once the data up to `length` is written: new whole chunks, and a slot that states the
   * length.
   */
  async #state(length: number, tailCrc: number): Promise<void> {
    const crcFd = this.#crcFd as number
    const first = Math.floor(this.#length / CHECKSUM_CHUNK_BYTES)
    const end = Math.floor(length / CHECKSUM_CHUNK_BYTES)
    this.#sequence += 1
    const { generation } = this
    const slot = encodeSlot({ length, tailCrc, generation, sequence: this.#sequence, sealed: false })
    const writes = [writeAt(crcFd, [slot], slotPosition(this.#nextAcknowledged))]
    if (end > first) {
      const entries = encodeEntries(this.#crcs, first, end)
      writes.push(writeAt(crcFd, [entries], ENTRIES_START + first * ENTRY_BYTES))
    }
    await Promise.all(writes)
    this.#nextAcknowledged = otherSlot(this.#nextAcknowledged)
  }

  /**
   * A failed append leaves neither bytes nor a slot that speaks of them; if even that fails, the block is
   * closed.
   */
  async #takeBack(): Promise<void> {
    try {
      await truncateFile(this.#dataFd, this.#length)
      await this.#state(this.#length, this.#tailCrc)
    } catch (error) {
      this.#diskError = error as Error
    }
  }

  #startWriteback(): void {
    if (this.#writeback !== undefined || this.#syncing !== undefined) return
    this.#unsyncedBytes = 0
    this.#writeback = syncData(this.#dataFd)
      .catch(error => {
        // The kernel tells a failed write once; the block must not go on as if it had not happened.
        this.#diskError = error
      })
      .then(() => {
        this.#writeback = undefined
      })
  }

  #startSync(): Promise<void> {
    this.#syncNext = undefined
    const work = this.#syncOnce(false).finally(() => {
      if (this.#syncing === work) this.#syncing = undefined
    })
    this.#syncing = work
    return work
  }

  /** The name is a convenience for listings; the durable slot is what seals. */
  async #becomeSealed(): Promise<void> {
    const from = blockPath(this.#dataDir, this.name, 'open')
    await rename(from, blockPath(this.#dataDir, this.name, 'blk')).catch(error => {
      throw fromNodeError(error, 'seal')
    })
    const crcFd = this.#crcFd
    this.#crcFd = undefined
    if (crcFd !== undefined) await closeFile(crcFd)
  }

  /** The slot names the seal, so that one round of syncs is all that a seal takes. */
  async #syncOnce(sealed: boolean): Promise<void> {
    this.#checkWritable()
    const length = this.#length
    if (length === this.#syncedLength && this.#isNamed && !sealed) return
    this.#sequence += 1
    const { generation } = this
    const slot = encodeSlot({ length, generation, sequence: this.#sequence, tailCrc: this.#tailCrc, sealed })
    const crcFd = this.#crcFd as number
    await writeAt(crcFd, [slot], slotPosition(this.#nextSynced))
    const names = this.#isNamed ? undefined : this.#folders.sync(this.name)
    this.#unsyncedBytes = 0
    await Promise.all([syncData(this.#dataFd), syncData(crcFd), names])
    this.#isNamed = true
    this.#syncedLength = length
    this.#nextSynced = otherSlot(this.#nextSynced)
  }
}
