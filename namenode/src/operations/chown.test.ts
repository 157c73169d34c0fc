import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('a superuser gives anything to anyone, also to names that nothing had before', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  operator.mkdir('/d')
  t.match(operator.chown('/f', 'ada', 'team'), { owner: 'ada', group: 'team' })
  t.match(operator.chown('/d', 'bob'), { owner: 'bob', group: 'operator' })
  t.match(operator.chown('/', undefined, 'all'), { owner: 'operator', group: 'all' })
  t.match(operator.chown('/f'), { owner: 'ada', group: 'team' }, 'nothing asked, nothing changed')
  t.match(shard.events().at(-1), { what: 'chown', name: 'f' })
  shard.verify()
})

t.test('an owner chooses among his own groups', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const ada = shard.as('ada', ['staff', 'team'])
  ada.create('/f', { content: '' })
  t.match(ada.chown('/f', undefined, 'team'), { group: 'team' }, 'a group that owned nothing so far')
  t.match(ada.chown('/f', 'ada', 'staff'), { owner: 'ada', group: 'staff' })
  const refusal = { code: 'NOT_PERMITTED', errno: 'EPERM' }
  t.throws(() => ada.chown('/f', undefined, 'operator'), refusal)
  t.throws(() => ada.chown('/f', undefined, 'nobody'), refusal)
  t.throws(() => ada.chown('/f', 'bob'), refusal)
  t.throws(() => ada.chown('/f', 'nobody-yet'), refusal)
  t.throws(() => shard.as('bob', ['team']).chown('/f', undefined, 'team'), refusal)
  operator.chown('/f', undefined, 'operator')
  t.match(ada.chown('/f', 'ada', 'operator'), { group: 'operator' }, 'a group that it has stays')
  t.throws(() => shard.as('bob', ['team']).chown('/f', 'bob'), refusal)
  shard.verify()
})

t.test('set-uid and set-gid bits of a file fall off when its owner changes its group', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const ada = shard.as('ada', ['staff', 'team'])
  ada.create('/f', { content: '', mode: 0o6755 })
  ada.mkdir('/d', 0o2755)
  t.match(ada.chown('/f', undefined, 'team'), { mode: 0o755 })
  t.match(ada.chown('/d', undefined, 'team'), { mode: 0o2755 })
  shard.verify()
})

t.test('permissions follow the new owner at once', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d', 0o700)
  const ada = shard.as('ada')
  t.throws(() => ada.mkdir('/d/x'), { code: 'ACCESS_DENIED' })
  operator.chown('/d', 'ada')
  t.ok(ada.mkdir('/d/x'))
  shard.verify()
})

t.test('refuses names that are none', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  const refusal = { code: 'INVALID_ARGUMENT' }
  t.throws(() => operator.chown('/f', ''), refusal)
  t.throws(() => operator.chown('/f', undefined, ''), refusal)
  t.throws(() => operator.chown('/f', 'x'.repeat(256)), refusal)
  t.throws(() => operator.chown('/f', undefined, 'ä'.repeat(128)), refusal)
  t.throws(() => operator.chown('/f', '\u0001'.repeat(60_000)), refusal, 'the refusal itself is bounded')
  t.match(operator.chown('/f', 'x'.repeat(255)), { owner: 'x'.repeat(255) })
  shard.verify()
})
