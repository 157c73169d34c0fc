/**
 * Transactions of SQLite on a file of its own: the ordinary program with a small database. Every commit is
 * synchronous (FULL), as SQLite's default is.
 */
import { rmSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'

/** Rows of each transaction: an insert, and a change of an earlier row. */
const TEXT = 'x'.repeat(200)

/** Answers the number of transactions. Throws when the rows are not those that were committed. */
export function runTransactions(folder: string, journal: 'DELETE' | 'WAL', transactions: number): number {
  const path = join(folder, `database-${journal}`)
  const database = new DatabaseSync(path)
  const mode = database.prepare(`PRAGMA journal_mode = ${journal}`).get() as { journal_mode: string }
  if (mode.journal_mode.toUpperCase() !== journal) {
    throw new Error(`SQLite uses the journal mode ${mode.journal_mode} instead of ${journal}`)
  }
  database.exec(
    'PRAGMA synchronous = FULL; CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT, seen INTEGER)',
  )
  const insert = database.prepare('INSERT INTO line (id, text, seen) VALUES (?, ?, 0)')
  const change = database.prepare('UPDATE line SET seen = seen + 1 WHERE id = ?')
  for (let id = 1; id <= transactions; id++) {
    database.exec('BEGIN IMMEDIATE')
    insert.run(id, TEXT)
    change.run(Math.ceil(id / 2))
    database.exec('COMMIT')
  }
  const { rows, seen } = database.prepare('SELECT count(*) AS rows, sum(seen) AS seen FROM line').get() as {
    rows: number
    seen: number
  }
  database.close()
  if (rows !== transactions || seen !== transactions) {
    throw new Error(`${path} has ${rows} rows and ${seen} changes after ${transactions} transactions`)
  }
  rmSync(path)
  return transactions
}
