import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('limits are set, changed, kept and lifted one by one', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/q')
  t.match(operator.summary('/q'), { nameQuota: undefined, spaceQuota: undefined })
  operator.setQuota('/q', 10, 2 ** 50)
  t.match(operator.summary('/q'), { nameQuota: 10, spaceQuota: 2 ** 50 })
  operator.setQuota('/q', undefined, 5)
  t.match(operator.summary('/q'), { nameQuota: 10, spaceQuota: 5 })
  operator.setQuota('/q', -1)
  t.match(operator.summary('/q'), { nameQuota: undefined, spaceQuota: 5 })
  operator.setQuota('/q', undefined, -1)
  t.match(operator.summary('/q'), { spaceQuota: undefined })
  t.match(shard.events().at(-1), { what: 'setQuota', name: 'q', kind: 2, parentId: 1 })
  shard.verify()
})

t.test('a limit below what is used refuses growth only', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/q/a')
  operator.create('/q/f', { content: '123456' })
  operator.setQuota('/q', 1, 3)
  t.throws(() => operator.mkdir('/q/b'), { code: 'NAME_QUOTA_EXCEEDED', details: { quota: 1, used: 3 } })
  t.throws(() => operator.truncate('/q/f', 7), { code: 'SPACE_QUOTA_EXCEEDED' })
  operator.truncate('/q/f', 5)
  operator.rename('/q/f', '/q/a/f')
  operator.remove('/q/a', true)
  operator.setQuota('/q', 2)
  operator.mkdir('/q/b')
  shard.verify()
})

t.test('the tightest limit on the way up counts, also the root’s', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/b')
  operator.setQuota('/', 4)
  operator.setQuota('/a/b', 100)
  operator.mkdir('/a/b/c')
  const refusal = { code: 'NAME_QUOTA_EXCEEDED', details: { directory: '/', quota: 4, used: 4 } }
  t.throws(() => operator.mkdir('/a/b/d'), refusal)
  operator.setQuota('/', -1)
  operator.mkdir('/a/b/d')
  shard.verify()
})

t.test('a limit moves with its directory and survives a restart', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/a/q')
  operator.setQuota('/a/q', 1, 0)
  operator.rename('/a/q', '/b')
  t.throws(() => operator.mkdir('/b/x'), { code: 'NAME_QUOTA_EXCEEDED' })
  t.match(operator.summary('/b'), { nameQuota: 1, spaceQuota: 0 })
  shard.verify()
})

t.test(
  'only superusers may, only directories have limits, and limits are numbers from 1 or 0 on',
  async t => {
    const { shard, operator } = openShard()
    operator.mkdir('/d', 0o777)
    operator.create('/f', { content: '' })
    operator.symlink('/l', '/d')
    t.throws(() => shard.as('ada').setQuota('/d', 5), { code: 'NOT_PERMITTED' })
    t.throws(() => operator.setQuota('/f', 5), { code: 'NOT_A_DIRECTORY' })
    t.throws(() => operator.setQuota('/none', 5), { code: 'NOT_FOUND' })
    t.throws(() => operator.setQuota('/d', 0), { code: 'INVALID_ARGUMENT' })
    t.throws(() => operator.setQuota('/d', -2), { code: 'INVALID_ARGUMENT' })
    t.throws(() => operator.setQuota('/d', undefined, -2), { code: 'INVALID_ARGUMENT' })
    operator.setQuota('/l', 7, 0)
    t.match(operator.summary('/d'), { nameQuota: 7, spaceQuota: 0 })
    shard.verify()
  },
)
