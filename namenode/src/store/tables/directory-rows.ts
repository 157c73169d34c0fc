/** Statements on `directory`, and the way between its rows and the packed table. */
import { assert } from '@hopbine/common/base/assert.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { Db } from '../database.ts'
import { type DirectoryRow, DirectoryTable, NO_QUOTA } from '../directory-table.ts'

export class DirectoryRows {
  readonly #db: Db
  readonly #insert
  readonly #update
  readonly #delete

  constructor(db: Db) {
    this.#db = db
    this.#insert = db.prepare('INSERT INTO directory VALUES (?, 0, 0, ?, ?, ?, ?, 0, 0, 0, 0, NULL, NULL)')
    this.#update = db.prepare(
      `UPDATE directory SET children = ?, subdirectories = ?, mtime = ?, mtime_ns = ?,
         ctime = ?, ctime_ns = ?,
         files = ?, directories = ?,
         bytes = ?, disk_bytes = ?, name_quota = ?, space_quota = ? WHERE id = ?`,
    )
    this.#delete = db.prepare('DELETE FROM directory WHERE id = ?')
  }

  insert(id: number, mtime: number, mtimeNs: number): void {
    this.#insert.run(id, mtime, mtimeNs, mtime, mtimeNs)
  }

  delete(id: number): void {
    const { changes } = this.#delete.run(id)
    assert(changes === 1, `directory ${id} exists`)
  }

  /** Writes back every directory that changed since the last call. */
  flush(table: DirectoryTable): void {
    for (const slot of table.takeDirty()) {
      const nameQuota = table.nameQuota[slot] as number
      const spaceQuota = table.spaceQuota[slot] as number
      const { changes } = this.#update.run(
        table.children[slot],
        table.subdirectories[slot],
        table.mtime[slot],
        table.mtimeNs[slot],
        table.ctime[slot],
        table.ctimeNs[slot],
        table.files[slot],
        table.directories[slot],
        table.bytes[slot],
        table.diskBytes[slot],
        nameQuota === NO_QUOTA ? null : nameQuota,
        spaceQuota === NO_QUOTA ? null : spaceQuota,
        table.id[slot],
      )
      assert(changes === 1, `directory ${table.id[slot]} has its row`)
    }
  }

  /** The packed table as the rows say. Parents come before their children. */
  load(): DirectoryTable {
    const table = new DirectoryTable()
    const waiting = new Map<number, DirectoryRow[]>()
    for (const row of this.rows()) {
      if (row.parentId === 0 || table.findId(row.parentId) >= 0) addWithWaiting(table, row, waiting)
      else waiting.set(row.parentId, [...(waiting.get(row.parentId) ?? []), row])
    }
    assert(waiting.size === 0, 'every directory hangs below the root or the reclaim directory')
    return table
  }

  /** Every directory in order of id: mostly parents first, since ids grow. */
  *rows(): Generator<DirectoryRow> {
    const statement = this.#db
      .prepare<[], (number | string | null)[]>(
        `SELECT e.id, e.parent_id, e.name, e.mode, e.owner_id, e.group_id, e.atime, e.atime_ns,
           d.mtime, d.mtime_ns,
           d.ctime, d.ctime_ns, d.children, d.subdirectories, d.files, d.directories, d.bytes, d.disk_bytes,
           d.name_quota, d.space_quota, e.kind, e.flags
         FROM directory d JOIN entry e ON e.id = d.id ORDER BY d.id`,
      )
      .raw()
    for (const raw of statement.iterate()) yield directoryRow(raw)
  }
}

function addWithWaiting(
  table: DirectoryTable,
  first: DirectoryRow,
  waiting: Map<number, DirectoryRow[]>,
): void {
  const ready = [first]
  for (let row = ready.pop(); row !== undefined; row = ready.pop()) {
    table.add(row)
    const children = waiting.get(row.id)
    if (children === undefined) continue
    waiting.delete(row.id)
    ready.push(...children)
  }
}

function directoryRow(raw: (number | string | null)[]): DirectoryRow {
  assert(raw[20] === KIND.directory, `inode ${raw[0]} with a directory row is a directory`)
  const n = raw as number[]
  return {
    id: n[0] as number,
    parentId: n[1] as number,
    name: raw[2] as string,
    mode: n[3] as number,
    ownerId: n[4] as number,
    groupId: n[5] as number,
    flags: n[21] as number,
    atime: n[6] as number,
    atimeNs: n[7] as number,
    mtime: n[8] as number,
    mtimeNs: n[9] as number,
    ctime: n[10] as number,
    ctimeNs: n[11] as number,
    children: n[12] as number,
    subdirectories: n[13] as number,
    files: n[14] as number,
    directories: n[15] as number,
    bytes: n[16] as number,
    diskBytes: n[17] as number,
    nameQuota: (raw[18] as number | null) ?? NO_QUOTA,
    spaceQuota: (raw[19] as number | null) ?? NO_QUOTA,
  }
}
