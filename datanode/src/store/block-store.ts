/**
 * All blocks of one data folder: opens and creates them, keeps their files open while they are used and a
 * bounded number of them beyond, lists, drops and quarantines them. It checks no capability and knows no
 * socket.
 */
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError, fromNodeError, isFsError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import type { HeldBlock } from '@hopbine/common/protocol/block.ts'
import { BufferPool } from '@hopbine/common/wire/buffer-pool.ts'
import { BlockFile } from './block-file.ts'
import { syncFolder } from './disk.ts'
import { BlockFolders } from './folders.ts'
import {
  type BlockName,
  blockPath,
  GROUPS_FOLDER,
  parseBlockFile,
  parseQuarantineFile,
  QUARANTINE_FOLDER,
  quarantinePath,
} from './layout.ts'
import { type DiskSpace, SpaceGauge } from './space.ts'

/** Blocks whose files stay open though nobody uses them; beyond it the one unused for longest is closed. */
const UNUSED_OPEN_MAX = 256

export interface BlockStoreOptions {
  readonly dataDir: string
  /** New blocks are refused while less is free, in bytes. */
  readonly reserveBytes: number
  /** Told once of each copy that is taken out of service. */
  readonly onQuarantined: (name: BlockName, reason: string) => void
}

/** A block in use; `release` once when done. */
export interface HeldFile {
  readonly file: BlockFile
  release(): void
}

interface Entry {
  readonly opening: Promise<BlockFile>
  users: number
  /** Set when the block was dropped or quarantined: closed as soon as nobody uses it. */
  isGone: boolean
  readonly closed: Promise<void>
  readonly markClosed: () => void
}

export class BlockStore {
  readonly buffers = new BufferPool()
  readonly #options: BlockStoreOptions
  readonly #gauge: SpaceGauge
  /** In order of last use. */
  readonly #entries = new Map<number, Entry>()
  readonly #folders: BlockFolders
  readonly #quarantined = new Map<number, BlockName>()
  /** Also those that nobody finds any more. */
  readonly #open = new Set<Entry>()
  #blocks = 0
  #unused = 0

  private constructor(options: BlockStoreOptions) {
    this.#options = options
    this.#folders = new BlockFolders(options.dataDir)
    this.#gauge = new SpaceGauge(options.dataDir, options.reserveBytes)
  }

  /** Counts what is there. The folder is locked and stamped by the caller. */
  static async open(options: BlockStoreOptions): Promise<BlockStore> {
    const store = new BlockStore(options)
    await mkdir(join(options.dataDir, GROUPS_FOLDER), { recursive: true })
    await mkdir(join(options.dataDir, QUARANTINE_FOLDER), { recursive: true })
    await syncFolder(options.dataDir)
    for (const file of await readdir(join(options.dataDir, QUARANTINE_FOLDER))) {
      const name = parseQuarantineFile(file)
      if (name !== undefined) store.#quarantined.set(name.blockId, name)
    }
    for await (const _block of store.names()) store.#blocks += 1
    return store
  }

  get blocks(): number {
    return this.#blocks
  }

  /** Blocks whose copy here was found bad, each once. */
  get quarantined(): readonly number[] {
    return [...this.#quarantined.keys()]
  }

  get quarantinedNames(): readonly BlockName[] {
    return [...this.#quarantined.values()]
  }

  space(): DiskSpace {
    return this.#gauge.read()
  }

  /** Opens a block that exists. Throws BLOCK_NOT_FOUND, or CORRUPT after it was quarantined. */
  async use(name: BlockName): Promise<HeldFile> {
    if (this.#quarantined.has(name.blockId)) throw corrupt(name)
    return this.#hold(name, () => this.#openExisting(name))
  }

  /**
   * Opens a block for writing; makes it when `mayCreate` and it is missing. Throws NO_SPACE for a new one.
   */
  async useOrCreate(name: BlockName, generation: number): Promise<HeldFile> {
    if (this.#quarantined.has(name.blockId)) throw corrupt(name)
    return this.#hold(name, async () => {
      try {
        return await this.#openExisting(name)
      } catch (error) {
        if (!isFsError(error, 'BLOCK_NOT_FOUND')) throw error
        return this.#create(name, generation)
      }
    })
  }

  /** Takes a bad copy out of service and keeps its files aside. Safe to call again. */
  async quarantine(name: BlockName, reason: string): Promise<void> {
    if (this.#quarantined.has(name.blockId)) return
    this.#quarantined.set(name.blockId, name)
    this.#options.onQuarantined(name, reason)
    this.#forget(name.blockId)
    const { dataDir } = this.#options
    const moved = [
      await moveIfThere(blockPath(dataDir, name, 'blk'), quarantinePath(dataDir, name, 'blk')),
      await moveIfThere(blockPath(dataDir, name, 'open'), quarantinePath(dataDir, name, 'blk')),
    ]
    await moveIfThere(blockPath(dataDir, name, 'crc'), quarantinePath(dataDir, name, 'crc'))
    if (moved.includes(true)) this.#blocks -= 1
    await syncFolder(join(dataDir, QUARANTINE_FOLDER))
  }

  /** Removes a block, also from quarantine; fine if it is not there. Readers that have it open read on. */
  async drop(name: BlockName): Promise<void> {
    this.#forget(name.blockId)
    const { dataDir } = this.#options
    const removed = [
      await removeIfThere(blockPath(dataDir, name, 'blk')),
      await removeIfThere(blockPath(dataDir, name, 'open')),
    ]
    await removeIfThere(blockPath(dataDir, name, 'crc'))
    if (removed.includes(true)) this.#blocks -= 1
    if (!this.#quarantined.delete(name.blockId)) return
    await removeIfThere(quarantinePath(dataDir, name, 'blk'))
    await removeIfThere(quarantinePath(dataDir, name, 'crc'))
  }

  /** Every block in its folder's order, without opening it. */
  async *names(): AsyncGenerator<BlockName & { sealed: boolean }, void, undefined> {
    const groups = join(this.#options.dataDir, GROUPS_FOLDER)
    for (const group of (await readdir(groups)).filter(entry => /^\d{3,10}$/.test(entry))) {
      for (const folder of await readdir(join(groups, group))) {
        for (const file of await readdir(join(groups, group, folder))) {
          const parsed = parseBlockFile(file)
          if (parsed !== undefined) yield { ...parsed, group: Number(group) }
        }
      }
    }
  }

  /** What a listing says of one block; undefined when it has gone meanwhile. */
  async describe(name: BlockName): Promise<HeldBlock | undefined> {
    if (this.#quarantined.has(name.blockId)) return { ...name, length: 0, sealed: false, quarantined: true }
    const entry = this.#entries.get(name.blockId)
    const open = entry === undefined ? undefined : await entry.opening.catch(() => undefined)
    if (open !== undefined) {
      return { ...name, length: open.length, sealed: open.isSealed, quarantined: false }
    }
    const { dataDir } = this.#options
    for (const suffix of ['blk', 'open'] as const) {
      const length = await sizeIfThere(blockPath(dataDir, name, suffix))
      if (length !== undefined) return { ...name, length, sealed: suffix === 'blk', quarantined: false }
    }
    return undefined
  }

  /** Resolves when every block in use was released and every file is closed. Nobody may begin to use one. */
  async close(): Promise<void> {
    for (const blockId of [...this.#entries.keys()]) this.#forget(blockId)
    while (this.#open.size > 0) await Promise.all([...this.#open].map(entry => entry.closed))
  }

  async #hold(name: BlockName, open: () => Promise<BlockFile>): Promise<HeldFile> {
    let entry = this.#entries.get(name.blockId)
    if (entry === undefined) {
      entry = this.#newEntry(open())
      this.#entries.set(name.blockId, entry)
    } else {
      if (entry.users === 0) this.#unused -= 1
      this.#entries.delete(name.blockId)
      this.#entries.set(name.blockId, entry)
    }
    entry.users += 1
    const held = entry
    try {
      const file = await held.opening
      if (file.name.group !== name.group) throw notFound(name)
      return { file, release: () => this.#release(name.blockId, held) }
    } catch (error) {
      this.#release(name.blockId, held)
      if (isFsError(error, 'CORRUPT')) await this.quarantine(name, error.message)
      throw error
    }
  }

  #release(blockId: number, entry: Entry): void {
    entry.users -= 1
    assert(entry.users >= 0, 'a block was released more often than used')
    if (entry.users > 0) return
    if (entry.isGone) return this.#closeEntry(entry)
    this.#unused += 1
    entry.opening.catch(() => this.#forget(blockId, entry))
    if (this.#unused > UNUSED_OPEN_MAX) this.#closeOldest()
  }

  #closeOldest(): void {
    for (const [blockId, entry] of this.#entries) {
      if (entry.users === 0) return this.#forget(blockId, entry)
    }
  }

  /** No one finds the entry any more; its file is closed when the last user is done. */
  #forget(blockId: number, only?: Entry): void {
    const entry = this.#entries.get(blockId)
    if (entry === undefined || (only !== undefined && only !== entry)) return
    this.#entries.delete(blockId)
    entry.isGone = true
    if (entry.users > 0) return
    this.#unused -= 1
    this.#closeEntry(entry)
  }

  #newEntry(opening: Promise<BlockFile>): Entry {
    const { promise, resolve } = Promise.withResolvers<void>()
    const entry: Entry = { opening, users: 0, isGone: false, closed: promise, markClosed: resolve }
    this.#open.add(entry)
    return entry
  }

  #closeEntry(entry: Entry): void {
    entry.opening
      .then(
        file => file.close(),
        // What could not be opened needs no closing; whoever opened it was told.
        () => undefined,
      )
      .finally(() => {
        this.#open.delete(entry)
        entry.markClosed()
      })
  }

  async #openExisting(name: BlockName): Promise<BlockFile> {
    const { dataDir } = this.#options
    try {
      return await BlockFile.openSealed(dataDir, name, this.#folders)
    } catch (error) {
      if (!isFsError(error, 'NOT_FOUND')) throw error
    }
    const memory = this.buffers.take(CHECKSUM_CHUNK_BYTES)
    try {
      return await BlockFile.openUnsealed(dataDir, name, this.#folders, memory)
    } catch (error) {
      throw isFsError(error, 'NOT_FOUND') ? notFound(name) : error
    } finally {
      this.buffers.give(memory)
    }
  }

  async #create(name: BlockName, generation: number): Promise<BlockFile> {
    const { isFull, freeBytes } = this.space()
    if (isFull) {
      throw new FsError('NO_SPACE', `the datanode takes no new block: ${freeBytes} bytes are free`, {
        freeBytes,
      })
    }
    await this.#folders.make(name)
    const file = await BlockFile.create(this.#options.dataDir, name, this.#folders, generation)
    this.#blocks += 1
    return file
  }
}

function notFound({ blockId, group }: BlockName): FsError {
  return new FsError('BLOCK_NOT_FOUND', `block ${blockId} of group ${group} is not here`)
}

function corrupt({ blockId }: BlockName): FsError {
  return new FsError('CORRUPT', `the copy of block ${blockId} here is bad and was taken out of service`)
}

async function moveIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to)
    return true
  } catch (error) {
    return absent(error as NodeJS.ErrnoException, 'move')
  }
}

async function removeIfThere(path: string): Promise<boolean> {
  try {
    await rm(path)
    return true
  } catch (error) {
    return absent(error as NodeJS.ErrnoException, 'remove')
  }
}

async function sizeIfThere(path: string): Promise<number | undefined> {
  try {
    return (await stat(path)).size
  } catch (error) {
    absent(error as NodeJS.ErrnoException, 'look at')
    return undefined
  }
}

function absent(error: NodeJS.ErrnoException, doing: string): false {
  if (error.code === 'ENOENT') return false
  throw fromNodeError(error, doing)
}
