/** Statements on what files consist of: `inline_data`, `extent`, `block` and `tombstone`. */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Db } from '../database.ts'

export interface ExtentRow {
  offset: number
  length: number
  blockId: number
  blockOffset: number
}

export interface BlockRow {
  readonly id: number
  readonly inodeId: number
  readonly liveBytes: number
  readonly length: number
}

export interface BlockUse {
  /** Bytes up to the highest that any extent ever needed. */
  readonly lengthBytes: number
  readonly liveBytes: number
}

const EXTENT = 'offset, length, block_id AS blockId, block_offset AS blockOffset'
const BLOCK = 'id, inode_id AS inodeId, live_bytes AS liveBytes, length'

export class InlineTable {
  readonly #get
  readonly #set
  readonly #delete

  constructor(db: Db) {
    this.#get = db.prepare<[number], Buffer>('SELECT data FROM inline_data WHERE inode_id = ?').pluck()
    this.#set = db.prepare(
      'INSERT INTO inline_data VALUES (?, ?) ON CONFLICT (inode_id) DO UPDATE SET data = excluded.data',
    )
    this.#delete = db.prepare('DELETE FROM inline_data WHERE inode_id = ?')
  }

  get(inodeId: number): Buffer {
    const data = this.#get.get(inodeId)
    assert(data !== undefined, `inode ${inodeId} has inline data`)
    return data
  }

  set(inodeId: number, data: Uint8Array): void {
    this.#set.run(inodeId, data)
  }

  delete(inodeId: number): void {
    this.#delete.run(inodeId)
  }
}

export class ExtentTable {
  readonly #before
  readonly #from
  readonly #last
  readonly #insert
  readonly #delete
  readonly #resize
  readonly #some
  readonly #count
  readonly #countUpTo

  constructor(db: Db) {
    this.#before = db.prepare<[number, number], ExtentRow>(
      `SELECT ${EXTENT} FROM extent WHERE inode_id = ? AND offset < ? ORDER BY offset DESC LIMIT 1`,
    )
    this.#from = db.prepare<[number, number, number, number], ExtentRow>(
      `SELECT ${EXTENT} FROM extent WHERE inode_id = ? AND offset >= ? AND offset < ?
       ORDER BY offset LIMIT ?`,
    )
    this.#last = db.prepare<[number], ExtentRow>(
      `SELECT ${EXTENT} FROM extent WHERE inode_id = ? ORDER BY offset DESC LIMIT 1`,
    )
    this.#insert = db.prepare('INSERT INTO extent VALUES (?, ?, ?, ?, ?)')
    this.#delete = db.prepare('DELETE FROM extent WHERE inode_id = ? AND offset = ?')
    this.#resize = db.prepare('UPDATE extent SET length = ? WHERE inode_id = ? AND offset = ?')
    this.#some = db.prepare<[number, number], ExtentRow>(
      `SELECT ${EXTENT} FROM extent WHERE inode_id = ? ORDER BY offset LIMIT ?`,
    )
    this.#count = db.prepare<[number], number>('SELECT count(*) FROM extent WHERE inode_id = ?').pluck()
    this.#countUpTo = db
      .prepare<[number, number], number>(
        'SELECT count(*) FROM (SELECT 1 FROM extent WHERE inode_id = ? LIMIT ?)',
      )
      .pluck()
  }

  /** The extent that starts last before `offset`; it may end before it too. */
  before(inodeId: number, offset: number): ExtentRow | undefined {
    return this.#before.get(inodeId, offset)
  }

  last(inodeId: number): ExtentRow | undefined {
    return this.#last.get(inodeId)
  }

  /** Extents that overlap `[start, end)`, in order, at most `max`. */
  overlapping(inodeId: number, start: number, end: number, max: number): ExtentRow[] {
    const before = this.before(inodeId, start)
    const reachesIn = before !== undefined && before.offset + before.length > start
    const rows = this.#from.all(inodeId, start, end, reachesIn ? max - 1 : max)
    return reachesIn ? [before, ...rows] : rows
  }

  insert(inodeId: number, extent: ExtentRow): void {
    assert(extent.length > 0, 'an extent holds bytes')
    this.#insert.run(inodeId, extent.offset, extent.length, extent.blockId, extent.blockOffset)
  }

  delete(inodeId: number, offset: number): void {
    this.#delete.run(inodeId, offset)
  }

  resize(inodeId: number, offset: number, length: number): void {
    assert(length > 0, 'an extent holds bytes')
    this.#resize.run(length, inodeId, offset)
  }

  /** The first `max` extents of a file, for taking it apart in bounded steps. */
  some(inodeId: number, max: number): ExtentRow[] {
    return this.#some.all(inodeId, max)
  }

  count(inodeId: number): number {
    return this.#count.get(inodeId) ?? 0
  }

  /** The same, at a cost that ends at `max`, which it then answers. */
  countUpTo(inodeId: number, max: number): number {
    return this.#countUpTo.get(inodeId, max) ?? 0
  }
}

export class BlockTable {
  readonly #get
  readonly #insert
  readonly #addLive
  readonly #delete
  readonly #unused
  readonly #ofInode
  readonly #any
  readonly #page
  readonly #use
  readonly #sparse

  constructor(db: Db) {
    this.#get = db.prepare<[number], BlockRow>(`SELECT ${BLOCK} FROM block WHERE id = ?`)
    this.#insert = db.prepare('INSERT INTO block VALUES (?, ?, 0, 0)')
    this.#addLive = db.prepare(
      'UPDATE block SET live_bytes = live_bytes + ?, length = max(length, ?) WHERE id = ?',
    )
    this.#delete = db.prepare('DELETE FROM block WHERE id = ?')
    this.#unused = db
      .prepare<[number, number], number>(
        'SELECT id FROM block WHERE inode_id = ? AND live_bytes = 0 ORDER BY id LIMIT ?',
      )
      .pluck()
    this.#ofInode = db.prepare<[number], BlockRow>(
      `SELECT ${BLOCK} FROM block WHERE inode_id = ? ORDER BY id`,
    )
    this.#any = db.prepare<[number], number>('SELECT 1 FROM block WHERE inode_id = ? LIMIT 1').pluck()
    this.#page = db.prepare<[number, number], BlockRow>(
      `SELECT ${BLOCK} FROM block WHERE id > ? ORDER BY id LIMIT ?`,
    )
    this.#use = db.prepare<[number, number], BlockUse>(
      `SELECT coalesce(sum(length), 0) AS lengthBytes, coalesce(sum(live_bytes), 0) AS liveBytes
       FROM (SELECT length, live_bytes FROM block WHERE inode_id = ? LIMIT ?)`,
    )
    this.#sparse = db
      .prepare<[number, number], number>(
        'SELECT id FROM block WHERE inode_id = ? AND length > 2 * live_bytes ORDER BY id LIMIT ?',
      )
      .pluck()
  }

  get(id: number): BlockRow | undefined {
    return this.#get.get(id)
  }

  insert(id: number, inodeId: number): void {
    this.#insert.run(id, inodeId)
  }

  /** Counts bytes that extents gained (or lost) in a block; `needed` is the highest byte they need. */
  addLive(id: number, bytes: number, needed: number): void {
    const { changes } = this.#addLive.run(bytes, needed, id)
    assert(changes === 1, `block ${id} exists`)
  }

  delete(id: number): void {
    this.#delete.run(id)
  }

  /** Blocks of a file that no extent points into. */
  unused(inodeId: number, max: number): number[] {
    return this.#unused.all(inodeId, max)
  }

  ofInode(inodeId: number): BlockRow[] {
    return this.#ofInode.all(inodeId)
  }

  /** True if the file has a block, used or not. */
  ofInodeExists(inodeId: number): boolean {
    return this.#any.get(inodeId) !== undefined
  }

  page(after: number, max: number): BlockRow[] {
    return this.#page.all(after, max)
  }

  /** What the file's blocks hold, summed over `max` of them at most. */
  use(inodeId: number, max: number): BlockUse {
    const use = this.#use.get(inodeId, max)
    assert(use !== undefined, 'a sum has a row')
    return use
  }

  /** Blocks of a file of which more than half is dead, in order. */
  sparse(inodeId: number, max: number): number[] {
    return this.#sparse.all(inodeId, max)
  }
}

export interface TombstoneRow {
  readonly blockId: number
  readonly since: number
  readonly confirmed: string
}

export class TombstoneTable {
  readonly #insert
  readonly #get
  readonly #page
  readonly #confirm
  readonly #delete
  readonly #count

  constructor(db: Db) {
    this.#insert = db.prepare("INSERT INTO tombstone VALUES (?, ?, '')")
    this.#get = db.prepare<[number], TombstoneRow>(
      'SELECT block_id AS blockId, since, confirmed FROM tombstone WHERE block_id = ?',
    )
    this.#page = db.prepare<[number, number, number], TombstoneRow>(
      `SELECT block_id AS blockId, since, confirmed FROM tombstone
       WHERE block_id > ? AND since <= ? ORDER BY block_id LIMIT ?`,
    )
    this.#confirm = db.prepare('UPDATE tombstone SET confirmed = ? WHERE block_id = ?')
    this.#delete = db.prepare('DELETE FROM tombstone WHERE block_id = ?')
    this.#count = db.prepare<[], number>('SELECT count(*) FROM tombstone').pluck()
  }

  insert(blockId: number, since: number): void {
    this.#insert.run(blockId, since)
  }

  get(blockId: number): TombstoneRow | undefined {
    return this.#get.get(blockId)
  }

  /** Tombstones set at or before `since`, in order of block. */
  page(after: number, since: number, max: number): TombstoneRow[] {
    return this.#page.all(after, since, max)
  }

  confirm(blockId: number, confirmed: string): void {
    this.#confirm.run(confirmed, blockId)
  }

  delete(blockId: number): void {
    this.#delete.run(blockId)
  }

  get count(): number {
    return this.#count.get() ?? 0
  }
}
