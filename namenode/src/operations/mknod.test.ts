import { mknod } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('makes fifos, sockets and devices that can be listed, renamed and removed', async t => {
  const { shard, operator } = openShard()
  const make = (name: string, kind: number, device = '') =>
    operator.write(mknod, { path: `/${name}`, kind, mode: 0o4640, device }).status
  t.match(make('fifo', KIND.fifo), { kind: KIND.fifo, mode: 0o4640, size: 0, nlink: 1, target: '' })
  t.match(make('socket', KIND.socket), { kind: KIND.socket })
  t.match(make('disk', KIND.blockDevice, '8:1'), { kind: KIND.blockDevice, target: '8:1' })
  t.match(make('tty', KIND.charDevice, '4:64'), { kind: KIND.charDevice, target: '4:64' })
  operator.rename('/fifo', '/pipe')
  t.equal(operator.stat('/pipe').kind, KIND.fifo)
  t.throws(() => operator.append('/pipe'), { code: 'INVALID_ARGUMENT' })
  operator.remove('/disk')
  t.match(operator.summary('/'), { files: 3, bytes: 0 })
  shard.verify()
})

t.test('refuses other kinds, wrong numbers, taken names and devices of ordinary users', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  const ada = shard.as('ada')
  const make = (path: string, kind: number, device = '') =>
    ada.write(mknod, { path, kind, mode: 0o600, device }).status
  for (const [kind, device] of [
    [KIND.file, ''],
    [KIND.directory, ''],
    [99, ''],
    [KIND.fifo, '1:2'],
    [KIND.charDevice, ''],
    [KIND.charDevice, '1:x'],
  ] as const) {
    t.throws(() => make('/x', kind, device), { code: 'INVALID_ARGUMENT' })
  }
  t.throws(() => make('/x', KIND.charDevice, '1:3'), { code: 'NOT_PERMITTED', errno: 'EPERM' })
  t.match(make('/x', KIND.fifo), { owner: 'ada' })
  t.throws(() => make('/x', KIND.fifo), { code: 'ALREADY_EXISTS' })
  operator.mkdir('/closed', 0o755)
  t.throws(() => make('/closed/x', KIND.fifo), { code: 'ACCESS_DENIED' })
  shard.verify()
})
