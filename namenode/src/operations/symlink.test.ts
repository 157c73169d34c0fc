import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('makes a name that stands for another path, whether that exists or not', async t => {
  const { shard, operator } = openShard()
  const status = operator.symlink('/l', '../somewhere/else')
  t.match(status, { kind: 3, mode: 0o777, size: 17, target: '../somewhere/else', owner: 'operator' })
  t.match(operator.summary('/'), { files: 1, bytes: 17, diskBytes: 0 })
  t.match(shard.events(), [{ what: 'symlink', name: 'l', kind: 3 }])
  shard.verify()
})

t.test('a target has 1 to 4,095 bytes and no NUL', async t => {
  const { shard, operator } = openShard()
  t.throws(() => operator.symlink('/l', ''), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.symlink('/l', 'a\0b'), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.symlink('/l', 'x'.repeat(4096)), { code: 'NAME_TOO_LONG' })
  t.throws(() => operator.symlink('/l', 'ä'.repeat(2048)), { code: 'NAME_TOO_LONG' })
  t.match(operator.symlink('/l', 'x'.repeat(4095)), { size: 4095 })
  t.throws(() => operator.stat('/l'), { code: 'NAME_TOO_LONG' }, 'such a name cannot exist')
  shard.verify()
})

t.test('refuses a taken name, a missing parent, a closed directory and a used up quota', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  t.throws(() => operator.symlink('/d', 'x'), { code: 'ALREADY_EXISTS' })
  t.throws(() => operator.symlink('/', 'x'), { code: 'ALREADY_EXISTS' })
  t.throws(() => operator.symlink('/none/l', 'x'), { code: 'NOT_FOUND' })
  t.throws(() => shard.as('stranger').symlink('/d/l', 'x'), { code: 'ACCESS_DENIED' })
  operator.setQuota('/d', 1)
  t.throws(() => operator.symlink('/d/l', 'x'), { code: 'NAME_QUOTA_EXCEEDED' })
  operator.setQuota('/d', 2, 0)
  operator.symlink('/d/l', 'a link takes no space on datanodes')
  shard.verify()
})
