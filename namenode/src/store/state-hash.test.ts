import t from 'tap'
import { FIRST_STATE } from '../testing/test-replica.ts'
import { openShard } from '../testing/test-shard.ts'
import { openDatabase } from './database.ts'
import { stateHash, tableHashes } from './state-hash.ts'

/** A statement for each table that changes one row of the state below. */
const CHANGES = {
  meta: 'UPDATE meta SET next_sequence = next_sequence + 1',
  identity: "INSERT INTO identity (name) VALUES ('nobody')",
  entry: 'UPDATE entry SET atime = atime + 1 WHERE id = 1',
  directory: 'UPDATE directory SET bytes = bytes + 1 WHERE id = 1',
  inline_data: "UPDATE inline_data SET data = x'00'",
  block: 'UPDATE block SET length = length + 1',
  extent: 'UPDATE extent SET block_offset = block_offset + 1',
  tombstone: 'INSERT INTO tombstone VALUES (7, 7, 7)',
  session: 'DELETE FROM session',
  datanode: 'UPDATE datanode SET port = port + 1',
  change: 'DELETE FROM change WHERE first_index = (SELECT max(first_index) FROM change)',
} as const

t.test('any change of any table changes its digest, and that of the whole', async t => {
  for (const [table, sql] of Object.entries(CHANGES)) {
    const { shard, operator } = openShard()
    shard.addDatanodes('n1')
    operator.create('/f', { content: 'x' })
    operator.createWithBlock('/g', 10)
    shard.verify()
    const { db } = shard.state
    const [before, whole] = [tableHashes(db, 0), stateHash(db, 0)]
    t.equal(stateHash(db, 0), whole, 'the same state gives the same digest')
    db.pragma('foreign_keys = OFF')
    t.ok(db.prepare(sql).run().changes > 0, sql)
    const after = tableHashes(db, 0)
    const changed = Object.keys(after).filter(
      name => after[name as keyof typeof after] !== before[name as keyof typeof before],
    )
    t.same(changed, [table])
    t.not(stateHash(db, 0), whole)
  }
})

t.test('every table of the schema is in it', async t => {
  const db = openDatabase(':memory:', { cacheKiB: 64 }, FIRST_STATE)
  const tables = db.prepare<[], string>("SELECT name FROM sqlite_schema WHERE type = 'table'").pluck().all()
  t.same(Object.keys(tableHashes(db, 0)).sort(), tables.sort())
})

t.test('events count from an index on, however they are cut into rows', async t => {
  const { shard, operator } = openShard()
  for (let i = 0; i < 20; i++) operator.mkdir(`/${i}`)
  const { db } = shard.state
  const from = shard.events()[10]?.index ?? 0
  const before = tableHashes(db, from).change
  db.prepare('DELETE FROM change WHERE last_index < ?').run(from)
  t.equal(tableHashes(db, from).change, before)
  t.not(tableHashes(db, from + 2).change, before)
})
