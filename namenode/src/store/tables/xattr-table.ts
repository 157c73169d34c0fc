/** Statements on `xattr`: extended attributes of inodes, a name and a value each. */
import type { Db } from '../database.ts'

export class XattrTable {
  readonly #get
  readonly #set
  readonly #delete
  readonly #deleteAll
  readonly #names

  constructor(db: Db) {
    this.#get = db
      .prepare<[number, string], Buffer>('SELECT value FROM xattr WHERE inode_id = ? AND name = ?')
      .pluck()
    this.#set = db.prepare(
      `INSERT INTO xattr VALUES (?, ?, ?) ON CONFLICT (inode_id, name) DO UPDATE SET value = excluded.value`,
    )
    this.#delete = db.prepare('DELETE FROM xattr WHERE inode_id = ? AND name = ?')
    this.#deleteAll = db.prepare('DELETE FROM xattr WHERE inode_id = ?')
    this.#names = db
      .prepare<[number], string>('SELECT name FROM xattr WHERE inode_id = ? ORDER BY name')
      .pluck()
  }

  get(inodeId: number, name: string): Buffer | undefined {
    return this.#get.get(inodeId, name)
  }

  set(inodeId: number, name: string, value: Uint8Array): void {
    this.#set.run(inodeId, name, value)
  }

  /** False when there was none of that name. */
  delete(inodeId: number, name: string): boolean {
    return this.#delete.run(inodeId, name).changes === 1
  }

  deleteAll(inodeId: number): void {
    this.#deleteAll.run(inodeId)
  }

  /** In byte order. */
  names(inodeId: number): string[] {
    return this.#names.all(inodeId)
  }
}
