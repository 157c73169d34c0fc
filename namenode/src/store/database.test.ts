import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import t from 'tap'
import { FIRST_STATE } from '../testing/test-replica.ts'
import { openDatabase } from './database.ts'
import { SCHEMA_VERSION } from './schema.ts'
import { Tx } from './tx.ts'

const OPTIONS = { cacheKiB: 64 }
const KEEP = { seconds: 10, bytes: 1000 }

t.test('a new database has a root directory and the identity of its cluster', async t => {
  const tx = new Tx(openDatabase(join(t.testdir(), 'store.db'), OPTIONS, FIRST_STATE), KEEP)
  t.equal(tx.directories.count, 3)
  t.match(tx.entries.findId(1), { parentId: 0, name: '', kind: 2, mode: 0o755, mtime: FIRST_STATE.seconds })
  t.match(tx.meta, { shard: 0, clusterId: FIRST_STATE.clusterId, appliedIndexAtOpen: 0, capabilityEpoch: 1 })
  t.ok(tx.meta.capabilityKey.equals(FIRST_STATE.capabilityKey))
  tx.db.close()
})

t.test('opening again finds what was there, whatever is offered', async t => {
  const path = join(t.testdir(), 'store.db')
  const db = openDatabase(path, OPTIONS, FIRST_STATE)
  const tx = new Tx(db, KEEP)
  tx.begin()
  tx.identities.intern('ada')
  tx.meta.used(5000)
  tx.commit(17, 3)
  db.close()
  const again = new Tx(openDatabase(path, OPTIONS, { ...FIRST_STATE, clusterId: 'another' }), KEEP)
  t.match(again.meta, {
    clusterId: FIRST_STATE.clusterId,
    appliedIndexAtOpen: 17,
    appliedTermAtOpen: 3,
    nextId: 5001,
  })
  t.ok(again.identities.find('ada') > 0)
  again.db.close()
})

t.test('an open transaction is gone after a crash', async t => {
  const path = join(t.testdir(), 'store.db')
  const tx = new Tx(openDatabase(path, OPTIONS, FIRST_STATE), KEEP)
  tx.begin()
  tx.identities.intern('ada')
  tx.db.close()
  const again = new Tx(openDatabase(path, OPTIONS, FIRST_STATE), KEEP)
  t.equal(again.identities.find('ada'), 0)
  again.db.close()
})

t.test('the identity of a new cluster is in the file itself before anything is served', async t => {
  const folder = t.testdir()
  const db = openDatabase(join(folder, 'store.db'), OPTIONS, FIRST_STATE)
  t.equal(statSync(join(folder, 'store.db-wal')).size, 0)
  copyFileSync(join(folder, 'store.db'), join(folder, 'alone.db'))
  db.close()
  const alone = openDatabase(join(folder, 'alone.db'), OPTIONS, { ...FIRST_STATE, clusterId: 'another' })
  t.equal(new Tx(alone, KEEP).meta.clusterId, FIRST_STATE.clusterId)
  alone.close()
})

t.test('a file that a crash left before its schema was whole is made anew', async t => {
  const path = join(t.testdir(), 'store.db')
  const half = new Database(path)
  half.pragma('journal_mode = WAL')
  half.close()
  const db = openDatabase(path, OPTIONS, FIRST_STATE)
  t.equal(new Tx(db, KEEP).directories.count, 3)
  db.close()
})

t.test('a newer format is refused with a sentence', async t => {
  const path = join(t.testdir(), 'store.db')
  const db = openDatabase(path, OPTIONS, FIRST_STATE)
  db.pragma(`user_version = ${SCHEMA_VERSION + 1}`)
  db.close()
  t.throws(() => openDatabase(path, OPTIONS, FIRST_STATE), {
    code: 'UNSUPPORTED',
    message: /format 2, this program knows up to 1/,
  })
})

t.test('rows that foreign keys or types forbid are refused', async t => {
  const db = openDatabase(':memory:', OPTIONS, FIRST_STATE)
  for (const sql of [
    'INSERT INTO directory VALUES (99, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, NULL, NULL)',
    "INSERT INTO inline_data VALUES (99, x'00')",
    'INSERT INTO block VALUES (5, 99, 0, 0)',
    'INSERT INTO extent VALUES (1, 0, 1, 99, 0)',
    'DELETE FROM entry WHERE id = 1',
    'UPDATE entry SET owner_id = 99',
    "UPDATE entry SET mode = 'x'",
    'UPDATE entry SET id = 1',
  ]) {
    t.throws(() => db.exec(sql), /constraint|cannot store/, sql)
  }
})
