import { access } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

const READ = 4
const WRITE = 2
const EXECUTE = 1

t.test('grants what the bits of the caller’s class grant, and answers the attributes', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const ada = shard.as('ada', ['staff'])
  const { id } = ada.create('/file', { content: 'x', mode: 0o640 })
  ada.mkdir('/dir', 0o750)
  const may = (user: string, groups: string[], path: string, wanted: number): boolean => {
    try {
      return shard.as(user, groups).read(access, { path, wanted }).status.id > 0
    } catch (error) {
      t.match(error, { code: 'ACCESS_DENIED', errno: 'EACCES' })
      return false
    }
  }
  t.equal(ada.read(access, { path: '/file', wanted: READ | WRITE }).status.id, id)
  t.notOk(may('ada', ['staff'], '/file', EXECUTE))
  t.ok(may('bob', ['staff'], '/file', READ))
  t.notOk(may('bob', ['staff'], '/file', WRITE))
  t.notOk(may('eve', ['eve'], '/file', READ))
  t.ok(may('bob', ['staff'], '/dir', READ | EXECUTE))
  t.notOk(may('bob', ['staff'], '/dir', WRITE))
  t.ok(may('eve', ['eve'], '/dir', 0), 'nothing is wanted of what can be seen')
  t.ok(operator.read(access, { path: '/file', wanted: READ | WRITE | EXECUTE }))
  shard.verify()
})

t.test('refuses what is not there, unknown bits, and paths through closed directories', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/closed', 0o700)
  operator.create('/closed/file', { content: 'x', mode: 0o666 })
  const eve = shard.as('eve')
  t.throws(() => eve.read(access, { path: '/none', wanted: READ }), { code: 'NOT_FOUND' })
  t.throws(() => eve.read(access, { path: '/', wanted: 8 }), { code: 'INVALID_ARGUMENT' })
  t.throws(() => eve.read(access, { path: '/closed/file', wanted: READ }), { code: 'ACCESS_DENIED' })
  shard.verify()
})
