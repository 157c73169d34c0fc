/**
 * Statements on `entry`: dentry and inode in one row. Directory rows also have a copy in the packed table.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Db } from '../database.ts'

export interface EntryRow {
  parentId: number
  name: string
  id: number
  kind: number
  mode: number
  ownerId: number
  groupId: number
  size: number
  atime: number
  atimeNs: number
  mtime: number
  mtimeNs: number
  ctime: number
  ctimeNs: number
  nlink: number
  blockSize: number
  replication: number
  storageClass: number
  flags: number
  generation: number
  target: string | null
}

const COLUMNS =
  'parent_id, name, id, kind, mode, owner_id, group_id, size, atime, atime_ns, mtime, mtime_ns, ' +
  'ctime, ctime_ns, nlink, block_size, replication, storage_class, flags, generation, target'

// biome-ignore format: one line a group of columns
type RawRow = [
  number, string, number, number, number, number, number, number, number, number, number, number,
  number, number, number, number, number, number, number, number, string | null,
]

export class EntryTable {
  readonly #find
  readonly #findId
  readonly #page
  readonly #insert
  readonly #update
  readonly #move
  readonly #delete
  readonly #any
  readonly #firstDetached

  constructor(db: Db) {
    this.#find = db
      .prepare<[number, string], RawRow>(`SELECT ${COLUMNS} FROM entry WHERE parent_id = ? AND name = ?`)
      .raw()
    this.#findId = db.prepare<[number], RawRow>(`SELECT ${COLUMNS} FROM entry WHERE id = ?`).raw()
    this.#page = db
      .prepare<[number, string, number], RawRow>(
        `SELECT ${COLUMNS} FROM entry WHERE parent_id = ? AND name > ? ORDER BY name LIMIT ?`,
      )
      .raw()
    this.#insert = db.prepare(
      `INSERT INTO entry (${COLUMNS}) VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)
       ON CONFLICT (parent_id, name) DO NOTHING`,
    )
    this.#update = db.prepare(
      `UPDATE entry SET mode = ?, owner_id = ?, group_id = ?, size = ?, atime = ?, atime_ns = ?,
         mtime = ?, mtime_ns = ?,
         ctime = ?, ctime_ns = ?, nlink = ?, block_size = ?, replication = ?, flags = ?, generation = ?
       WHERE parent_id = ? AND name = ?`,
    )
    this.#move = db.prepare('UPDATE entry SET parent_id = ?, name = ?, ctime = ?, ctime_ns = ? WHERE id = ?')
    this.#delete = db.prepare('DELETE FROM entry WHERE parent_id = ? AND name = ?')
    this.#any = db.prepare<[number], number>('SELECT 1 FROM entry WHERE parent_id = ? LIMIT 1').pluck()
    this.#firstDetached = db
      .prepare<[number], RawRow>(`SELECT ${COLUMNS} FROM entry WHERE parent_id = ? ORDER BY name LIMIT 1`)
      .raw()
  }

  find(parentId: number, name: string): EntryRow | undefined {
    const raw = this.#find.get(parentId, name)
    return raw === undefined ? undefined : fromRaw(raw)
  }

  findId(id: number): EntryRow | undefined {
    const raw = this.#findId.get(id)
    return raw === undefined ? undefined : fromRaw(raw)
  }

  /** Up to `max` entries of a directory in byte order of names, after `after`. */
  page(parentId: number, after: string, max: number): EntryRow[] {
    return this.#page.all(parentId, after, max).map(fromRaw)
  }

  first(parentId: number): EntryRow | undefined {
    const raw = this.#firstDetached.get(parentId)
    return raw === undefined ? undefined : fromRaw(raw)
  }

  hasChildren(parentId: number): boolean {
    return this.#any.get(parentId) !== undefined
  }

  /** False, and nothing written, when the name is taken. */
  insert(row: EntryRow): boolean {
    return this.#insert.run(toRaw(row)).changes === 1
  }

  /** Writes every attribute but place, id and kind. */
  update(row: EntryRow): void {
    const { changes } = this.#update.run(
      row.mode,
      row.ownerId,
      row.groupId,
      row.size,
      row.atime,
      row.atimeNs,
      row.mtime,
      row.mtimeNs,
      row.ctime,
      row.ctimeNs,
      row.nlink,
      row.blockSize,
      row.replication,
      row.flags,
      row.generation,
      row.parentId,
      row.name,
    )
    assert(changes === 1, `entry ${row.id} is where it was read`)
  }

  /** Gives an inode another place; its change time moves with it. */
  move(id: number, parentId: number, name: string, ctime: number, ctimeNs: number): void {
    const { changes } = this.#move.run(parentId, name, ctime, ctimeNs, id)
    assert(changes === 1, `entry ${id} exists`)
  }

  delete(parentId: number, name: string): void {
    const { changes } = this.#delete.run(parentId, name)
    assert(changes === 1, `entry ${parentId}/${name} exists`)
  }
}

function fromRaw(raw: RawRow): EntryRow {
  return {
    parentId: raw[0],
    name: raw[1],
    id: raw[2],
    kind: raw[3],
    mode: raw[4],
    ownerId: raw[5],
    groupId: raw[6],
    size: raw[7],
    atime: raw[8],
    atimeNs: raw[9],
    mtime: raw[10],
    mtimeNs: raw[11],
    ctime: raw[12],
    ctimeNs: raw[13],
    nlink: raw[14],
    blockSize: raw[15],
    replication: raw[16],
    storageClass: raw[17],
    flags: raw[18],
    generation: raw[19],
    target: raw[20],
  }
}

function toRaw(row: EntryRow): RawRow {
  return [
    row.parentId,
    row.name,
    row.id,
    row.kind,
    row.mode,
    row.ownerId,
    row.groupId,
    row.size,
    row.atime,
    row.atimeNs,
    row.mtime,
    row.mtimeNs,
    row.ctime,
    row.ctimeNs,
    row.nlink,
    row.blockSize,
    row.replication,
    row.storageClass,
    row.flags,
    row.generation,
    row.target,
  ]
}
