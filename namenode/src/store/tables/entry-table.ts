/**
 * Statements on `entry`: dentry and inode in one row. Directory rows also have a copy in the packed table.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Db } from '../database.ts'
import { RowCache } from '../row-cache.ts'
import { LINK_KIND } from '../schema.ts'

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
  /** Always 0 so far: replicated. */
  storageClass: number
  flags: number
  generation: number
  target: string | null
}

/** What is read of a row besides its key. */
const VALUES =
  'id, kind, mode, owner_id, group_id, size, atime, atime_ns, mtime, mtime_ns, ctime, ctime_ns, ' +
  'nlink, block_size, replication, flags, generation, target'

// biome-ignore format: one line a group of columns
type RawValues = [
  number, number, number, number, number, number, number, number, number, number, number, number,
  number, number, number, number, number, string | null,
]
/** The values with the name, or with parent and name, behind them. */
type NamedValues = [...RawValues, string]
type PlacedValues = [...RawValues, number, string]
const NAME = 18

/** Rows of files that stay in memory: 37 MB. */
const CACHED_ROWS = 2 ** 18

/** Where a name is. */
export interface EntryKey {
  readonly parentId: number
  readonly name: string
}

export class EntryTable {
  readonly #find
  readonly #findId
  readonly #page
  readonly #insert
  readonly #update
  readonly #updateContent
  readonly #move
  readonly #delete
  readonly #links
  readonly #mirror
  readonly #onChange: (parentId: number) => void
  readonly #rows = new RowCache(CACHED_ROWS)
  /**
   * Rows of open files by id: the writer's next call finds its row without SQLite. Changed with their rows.
   */
  readonly #pinned = new Map<number, EntryRow>()

  /** `onChange` hears of every directory whose entries, or their attributes, are about to change. */
  constructor(db: Db, onChange: (parentId: number) => void) {
    this.#onChange = onChange
    this.#find = db
      .prepare<[number, string], RawValues>(`SELECT ${VALUES} FROM entry WHERE parent_id = ? AND name = ?`)
      .raw()
    this.#findId = db
      .prepare<[number], PlacedValues>(`SELECT ${VALUES}, parent_id, name FROM entry WHERE id = ?`)
      .raw()
    this.#page = db
      .prepare<[number, string, number], NamedValues>(
        `SELECT ${VALUES}, name FROM entry WHERE parent_id = ? AND name > ? ORDER BY name LIMIT ?`,
      )
      .raw()
    this.#insert = db.prepare(
      `INSERT INTO entry (${VALUES}, parent_id, name, storage_class)
       VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?) ON CONFLICT (parent_id, name) DO NOTHING`,
    )
    this.#update = db.prepare(
      `UPDATE entry SET mode = ?, owner_id = ?, group_id = ?, size = ?, atime = ?, atime_ns = ?,
         mtime = ?, mtime_ns = ?,
         ctime = ?, ctime_ns = ?, nlink = ?, block_size = ?, replication = ?, flags = ?, generation = ?
       WHERE parent_id = ? AND name = ?`,
    )
    this.#updateContent = db.prepare(
      `UPDATE entry SET size = ?, mtime = ?, mtime_ns = ?, ctime = ?, ctime_ns = ?, flags = ?, generation = ?
       WHERE parent_id = ? AND name = ?`,
    )
    this.#move = db.prepare(
      `UPDATE entry SET parent_id = ?, name = ?, ctime = ?, ctime_ns = ?
       WHERE parent_id = ? AND name = ? AND id = ?`,
    )
    this.#delete = db.prepare('DELETE FROM entry WHERE parent_id = ? AND name = ?')
    this.#links = db
      .prepare<[string], PlacedValues>(
        `SELECT ${VALUES}, parent_id, name FROM entry WHERE kind = ${LINK_KIND} AND target = ? ORDER BY id`,
      )
      .raw()
    this.#mirror = db.prepare('UPDATE entry SET size = ?, replication = ? WHERE parent_id = ? AND name = ?')
  }

  find(parentId: number, name: string): EntryRow | undefined {
    const cached = this.#rows.get(parentId, name)
    if (cached !== undefined) return cached
    const raw = this.#find.get(parentId, name)
    if (raw === undefined) return undefined
    const row = toRow(raw, parentId, name)
    this.#rows.put(row)
    return row
  }

  findId(id: number): EntryRow | undefined {
    const pinned = this.#pinned.get(id)
    if (pinned !== undefined) return { ...pinned }
    const raw = this.#findId.get(id)
    return raw === undefined ? undefined : toRow(raw, raw[NAME], raw[NAME + 1] as string)
  }

  /** Further names of an inode, the oldest first. */
  linksOf(inodeId: number): EntryRow[] {
    return this.#links.all(String(inodeId)).map(raw => toRow(raw, raw[NAME], raw[NAME + 1] as string))
  }

  /** Up to `max` entries of a directory in byte order of names, after `after`. */
  page(parentId: number, after: string, max: number): EntryRow[] {
    const rows: EntryRow[] = []
    for (const raw of this.#page.all(parentId, after, max)) rows.push(toRow(raw, parentId, raw[NAME]))
    return rows
  }

  /** False, and nothing written, when the name is taken. */
  insert(row: EntryRow): boolean {
    this.#onChange(row.parentId)
    return this.#insert.run(fromRow(row)).changes === 1
  }

  /** Writes every attribute but place, id and kind. */
  update(row: EntryRow): void {
    this.#touch(row.parentId, row.name)
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
    this.#updated(row)
  }

  /** Writes what changes with a file's content: size, times of modification and change, flags, generation. */
  updateContent(row: EntryRow): void {
    this.#touch(row.parentId, row.name)
    const { changes } = this.#updateContent.run(
      row.size,
      row.mtime,
      row.mtimeNs,
      row.ctime,
      row.ctimeNs,
      row.flags,
      row.generation,
      row.parentId,
      row.name,
    )
    assert(changes === 1, `entry ${row.id} is where it was read`)
    this.#updated(row)
  }

  /**
   * What else stands for the row follows it: the kept copy of an open file, and the sizes in its further
   * names.
   */
  #updated(row: EntryRow): void {
    if (this.#pinned.has(row.id)) this.#pinned.set(row.id, { ...row })
    if (row.nlink <= 1) return
    for (const { parentId, name } of this.linksOf(row.id)) {
      this.#touch(parentId, name)
      this.#mirror.run(row.size, row.replication, parentId, name)
    }
  }

  /** Keeps the row of a file that is open for writing at hand, until `unpin`. */
  pin(row: EntryRow): void {
    this.#pinned.set(row.id, { ...row })
  }

  unpin(id: number): void {
    this.#pinned.delete(id)
  }

  /** Gives an inode another place; its change time moves with it. */
  move(id: number, from: EntryKey, to: EntryKey, ctime: number, ctimeNs: number): void {
    const { parentId, name } = to
    this.#touch(from.parentId, from.name)
    this.#touch(parentId, name)
    const { changes } = this.#move.run(parentId, name, ctime, ctimeNs, from.parentId, from.name, id)
    assert(changes === 1, `entry ${id} is ${from.parentId}/${from.name}`)
    const pinned = this.#pinned.get(id)
    if (pinned !== undefined) this.#pinned.set(id, { ...pinned, parentId, name, ctime, ctimeNs })
  }

  delete(parentId: number, name: string): void {
    this.#touch(parentId, name)
    const { changes } = this.#delete.run(parentId, name)
    assert(changes === 1, `entry ${parentId}/${name} exists`)
  }

  /** A row is about to change: nothing kept of it holds any more. */
  #touch(parentId: number, name: string): void {
    this.#rows.drop(parentId, name)
    this.#onChange(parentId)
  }
}

function toRow(raw: readonly [...RawValues, ...unknown[]], parentId: number, name: string): EntryRow {
  return {
    parentId,
    name,
    id: raw[0],
    kind: raw[1],
    mode: raw[2],
    ownerId: raw[3],
    groupId: raw[4],
    size: raw[5],
    atime: raw[6],
    atimeNs: raw[7],
    mtime: raw[8],
    mtimeNs: raw[9],
    ctime: raw[10],
    ctimeNs: raw[11],
    nlink: raw[12],
    blockSize: raw[13],
    replication: raw[14],
    storageClass: 0,
    flags: raw[15],
    generation: raw[16],
    target: raw[17],
  }
}

function fromRow(row: EntryRow): [...PlacedValues, number] {
  return [
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
    row.flags,
    row.generation,
    row.target,
    row.parentId,
    row.name,
    row.storageClass,
  ]
}
