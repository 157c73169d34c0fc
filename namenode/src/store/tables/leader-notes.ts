/**
 * The `leader_note` table with its copy in memory: what the next leader of a group must know of this one's
 * soft state. A few short texts that change when sessions begin and end.
 */
import type { Db } from '../database.ts'

export class LeaderNotes {
  readonly #insert
  readonly #delete
  readonly #notes: Set<string>

  constructor(db: Db) {
    this.#insert = db.prepare('INSERT OR IGNORE INTO leader_note VALUES (?)')
    this.#delete = db.prepare('DELETE FROM leader_note WHERE note = ?')
    this.#notes = new Set(db.prepare<[], string>('SELECT note FROM leader_note').pluck().all())
  }

  get all(): ReadonlySet<string> {
    return this.#notes
  }

  add(note: string): void {
    this.#insert.run(note)
    this.#notes.add(note)
  }

  delete(note: string): void {
    this.#delete.run(note)
    this.#notes.delete(note)
  }
}
