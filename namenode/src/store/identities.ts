/** Names of users and groups and their numbers: the identity table with its copy in memory. */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Db } from './database.ts'

export class Identities {
  readonly #insert
  readonly #byName = new Map<string, number>()
  readonly #names: string[] = ['']

  constructor(db: Db) {
    this.#insert = db.prepare<[number, string]>('INSERT INTO identity (id, name) VALUES (?, ?)')
    const rows = db
      .prepare<[], { id: number; name: string }>('SELECT id, name FROM identity ORDER BY id')
      .all()
    for (const { id, name } of rows) {
      assert(id === this.#names.length, 'identity numbers are dense')
      this.#names.push(name)
      this.#byName.set(name, id)
    }
  }

  /** The number of a name, or 0 when no row ever used it. */
  find(name: string): number {
    return this.#byName.get(name) ?? 0
  }

  /** The number of a name, given now if it has none. Only inside apply. */
  intern(name: string): number {
    const known = this.#byName.get(name)
    if (known !== undefined) return known
    const id = this.#names.length
    this.#insert.run(id, name)
    this.#names.push(name)
    this.#byName.set(name, id)
    return id
  }

  nameOf(id: number): string {
    const name = this.#names[id]
    assert(name !== undefined && id > 0, `identity ${id} exists`)
    return name
  }
}
