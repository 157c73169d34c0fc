import { fsck } from '@hopbine/common/protocol/cluster.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('counts what there is and finds nothing in a sound state', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.mkdirs('/a/b')
  operator.createWithBlock('/a/f', 10)
  t.same(operator.write(fsck, { repair: false }), {
    problems: [],
    repaired: 0,
    files: 1,
    directories: 3,
    blocks: 1,
  })
  shard.verify()
})

t.test('finds wrong totals, and puts them right when asked', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b')
  operator.create('/a/b/f', { content: '12345' })
  shard.damage(tx => {
    const slot = tx.directories.find(tx.directories.slotOf(1), 'a')
    tx.directories.bytes[slot] = 99
    tx.directories.children[slot] = 7
    tx.directories.markDirty(slot)
  })
  const found = operator.write(fsck, { repair: false })
  t.same(found.repaired, 0)
  t.match(found.problems, [/\(a\): children should be 1 and is 7/, /\(a\): bytes should be 5 and is 99/])
  t.match(operator.write(fsck, { repair: true }), { problems: { length: 2 }, repaired: 1 })
  t.same(operator.write(fsck, { repair: false }).problems, [])
  t.match(operator.summary('/a'), { bytes: 5 })
  shard.verify()
})

t.test('finds each other kind of disagreement', async t => {
  const damages: [string, string, RegExp][] = [
    ['live bytes', 'UPDATE block SET live_bytes = live_bytes + 1', /extents use 10 bytes, the row says 11/],
    ['size', "UPDATE entry SET size = 5 WHERE name = 'f'", /an extent reaches beyond its size/],
    ['inline flag', "UPDATE entry SET flags = 2 WHERE name = 'f'", /inline data and its flag disagree/],
    ['mode', "UPDATE entry SET mode = 1 WHERE name = 'd'", /mode is 1 in the store and 493 in the packed/],
    ['overlap', 'INSERT INTO extent SELECT inode_id, 4, 2, block_id, 0 FROM extent', /extents overlap at 4/],
    ['directory', "UPDATE entry SET name = 'x' WHERE name = 'd'", /elsewhere in the packed table/],
    ['orphan', "UPDATE entry SET parent_id = 77 WHERE name = 'f'", /lies in 77, which is no directory/],
  ]
  for (const [title, sql, wanted] of damages) {
    const { shard, operator } = openShard()
    shard.addDatanodes('n1')
    operator.mkdir('/d')
    operator.createWithBlock('/f', 10)
    shard.damage(tx => tx.db.exec(sql))
    const { problems } = operator.write(fsck, { repair: false })
    t.ok(
      problems.some(problem => wanted.test(problem)),
      `${title}: ${problems.join('; ')}`,
    )
  }
})

t.test('is for superusers', async t => {
  const { shard } = openShard()
  t.throws(() => shard.as('ada').write(fsck, { repair: true }), { code: 'NOT_PERMITTED' })
  shard.verify()
})
