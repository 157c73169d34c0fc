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
import { encodeIdentity } from './checksum-file.ts'
import { ChunkSums, type Piece } from './chunk-sums.ts'
import { closeFile, openFile, syncData, truncateFile, writeAt, writerFor } from './disk.ts'
import type { BlockFolders } from './folders.ts'
import { type BlockName, blockPath } from './layout.ts'
import { readVerified } from './read-verified.ts'
import { type BlockState, EMPTY_BLOCK, provenSlot, readChecksums, stateAfter } from './recovery.ts'
import { SlotWriter, type Statement } from './slot-writer.ts'

/** A length of the block and the checksum of its last partial chunk, fixed for the time of one read. */
export interface View {
  readonly length: number
  readonly tailCrc: number
  /** Changes when the block is cut: bytes that fail under an older view are no proof of corruption. */
  readonly cuts: number
}

/** Where a block ends, and the checksum of its last partial chunk. */
type BlockEnd = Pick<View, 'length' | 'tailCrc'>

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
  /** Undefined once sealed. */
  #slots: SlotWriter | undefined
  #generation: number
  #length: number
  #syncedLength: number
  #tailCrc: number
  /** Of whole chunks. */
  readonly #sums: ChunkSums
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
    this.#slots = parts.crcFd === undefined ? undefined : new SlotWriter(parts.crcFd, parts)
    this.#generation = parts.generation
    this.#length = parts.length
    this.#syncedLength = parts.syncedLength
    this.#tailCrc = parts.tailCrc
    this.#sums = new ChunkSums(parts.crcs)
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
      await file.#state(file.view())
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
      else await file.#state(file.view())
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
    return this.#slots === undefined
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
    const next = this.#begin(pieces)
    // All writes must have ended before a failure is told: their memory is used again then.
    await this.#orTakeBack([
      writeAt(this.#dataFd, bytesOf(pieces), this.#length),
      this.#open().acknowledged(this.#statement(next), this.#sums.between(this.#length, next.length)),
    ])
    this.#grow(next)
    if (this.#unsyncedBytes >= WRITEBACK_BYTES) this.#startWriteback()
  }

  /**
   * The same, and everything is on disk at the end, names included: a round of writes and one of syncs, while
   * `append` and `sync` take three.
   */
  appendSynced(pieces: readonly Piece[]): Promise<void> {
    if (this.#syncing !== undefined) return this.append(pieces).then(() => this.sync())
    const work = this.#appendSynced(pieces).finally(() => {
      if (this.#syncing === work) this.#syncing = undefined
    })
    this.#syncing = work
    return work
  }

  async #appendSynced(pieces: readonly Piece[]): Promise<void> {
    const next = this.#begin(pieces)
    const slots = this.#open()
    const write = writerFor(next.length - this.#length)
    const written = write(this.#dataFd, bytesOf(pieces), this.#length)
    const stated = slots.synced(this.#statement(next), this.#sums.between(this.#length, next.length), write)
    const names = this.#isNamed ? undefined : this.#folders.sync(this.name)
    await this.#orTakeBack([written.then(() => this.#toDisk()), stated.then(() => slots.sync()), names])
    this.#grow(next)
    this.#unsyncedBytes = 0
    this.#synced(next.length)
  }

  /** Keeps the checksums of pieces that are going to be written; answers where the block ends then. */
  #begin(pieces: readonly Piece[]): BlockEnd {
    this.#checkWritable()
    let length = this.#length
    let tailCrc = this.#tailCrc
    for (const piece of pieces) {
      assert(piece.offset === length, 'pieces follow one another')
      length += piece.bytes.length
      tailCrc = this.#sums.keep(piece)
    }
    return { length, tailCrc }
  }

  async #orTakeBack(work: readonly (Promise<unknown> | undefined)[]): Promise<void> {
    const results = await Promise.allSettled(work)
    const failure = results.find(result => result.status === 'rejected')
    if (failure === undefined) return
    await this.#takeBack()
    throw failure.reason
  }

  #grow({ length, tailCrc }: BlockEnd): void {
    this.#unsyncedBytes += length - this.#length
    this.#length = length
    this.#tailCrc = tailCrc
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
    await this.#state(this.view())
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
  read(
    view: View,
    position: number,
    end: number,
    memory: Buffer,
  ): Promise<{ bytes: Buffer; crcs: number[] }> {
    const { length } = view
    const expectedCrc = (at: number): number | undefined => this.#expectedCrc(view, at)
    const { blockId } = this.name
    return readVerified({ fd: this.#dataFd, blockId, length, position, end, expectedCrc }, memory)
  }

  /** Closes the files; nothing else is under way or may follow. */
  async close(): Promise<void> {
    await this.#writeback
    await closeFile(this.#dataFd)
    await this.#slots?.close()
  }

  #expectedCrc(view: View, chunkOffset: number): number | undefined {
    const isWhole = chunkOffset + CHECKSUM_CHUNK_BYTES <= view.length
    return isWhole ? this.#sums.at(chunkOffset) : view.tailCrc
  }

  #checkWritable(): void {
    if (this.#diskError !== undefined) throw this.#diskError
    if (this.isSealed) throw new FsError('INVALID_ARGUMENT', `block ${this.name.blockId} is sealed`)
  }

  #open(): SlotWriter {
    assert(this.#slots !== undefined, 'only an open block has slots')
    return this.#slots
  }

  #statement({ length, tailCrc }: BlockEnd, sealed = false): Statement {
    return { length, tailCrc, generation: this.#generation, sealed }
  }

  /** States the present length. */
  async #state(end: BlockEnd): Promise<void> {
    await this.#open().acknowledged(this.#statement(end), this.#sums.between(this.#length, end.length))
  }

  /**
   * A failed append leaves neither bytes nor a slot that speaks of them; if even that fails, the block is
   * closed.
   */
  async #takeBack(): Promise<void> {
    try {
      await truncateFile(this.#dataFd, this.#length)
      await this.#open().forgetSynced()
      await this.#state(this.view())
    } catch (error) {
      this.#diskError = error as Error
    }
  }

  /** The kernel tells a failed write once: the block must not go on as if it had not happened. */
  #toDisk(): Promise<void> {
    return syncData(this.#dataFd).catch((error: Error) => {
      this.#diskError = error
      throw error
    })
  }

  #startWriteback(): void {
    if (this.#writeback !== undefined || this.#syncing !== undefined) return
    this.#unsyncedBytes = 0
    this.#writeback = this.#toDisk()
      .catch(() => undefined)
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
    const slots = this.#slots
    this.#slots = undefined
    await slots?.close()
  }

  /** The slot names the seal, so that one round of syncs is all that a seal takes. */
  async #syncOnce(sealed: boolean): Promise<void> {
    this.#checkWritable()
    const length = this.#length
    if (length === this.#syncedLength && this.#isNamed && !sealed) return
    const slots = this.#open()
    await slots.synced(this.#statement(this.view(), sealed))
    const names = this.#isNamed ? undefined : this.#folders.sync(this.name)
    this.#unsyncedBytes = 0
    await Promise.all([this.#toDisk(), slots.sync(), names])
    this.#synced(length)
  }

  #synced(length: number): void {
    this.#isNamed = true
    this.#syncedLength = length
    this.#slots?.syncEnded()
  }
}

function bytesOf(pieces: readonly Piece[]): Uint8Array[] {
  return pieces.map(piece => piece.bytes)
}
