import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

const time = (seconds: number, nanos: number) => ({ seconds, nanos })

t.test('sets either time or both, to the nanosecond, and the change time to now', async t => {
  const { shard, operator } = openShard()
  const file = operator.create('/f', { content: 'x' })
  shard.time.advance(2000)
  const status = operator.utimes('/f', { atime: time(11, 123_456_789), mtime: time(-5, 999_999_999) })
  t.match(status, { atime: 11, atimeNs: 123_456_789, mtime: -5, mtimeNs: 999_999_999, ctime: file.ctime + 2 })
  t.match(operator.utimes('/f', { mtime: time(7, 0) }), { atime: 11, mtime: 7, mtimeNs: 0 })
  t.match(operator.utimes('/f', { atime: time(0, 1) }), { atime: 0, atimeNs: 1, mtime: 7 })
  t.match(shard.events().at(-1), { what: 'utimes', name: 'f' })
  shard.verify()
})

t.test('works on directories and on the root', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  for (const path of ['/d', '/']) {
    operator.utimes(path, { atime: time(1, 2), mtime: time(3, 4) })
    t.match(operator.stat(path), { atime: 1, atimeNs: 2, mtime: 3, mtimeNs: 4 }, path)
  }
  operator.mkdir('/d/x')
  t.not(operator.stat('/d').mtime, 3, 'the next change sets it again')
  shard.verify()
})

t.test('needs ownership or write permission', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '', mode: 0o644 })
  const ada = shard.as('ada')
  t.throws(() => ada.utimes('/f', { mtime: time(1, 0) }), { code: 'NOT_PERMITTED', errno: 'EPERM' })
  operator.chmod('/f', 0o646)
  t.match(ada.utimes('/f', { mtime: time(1, 0) }), { mtime: 1 })
  operator.chmod('/f', 0)
  operator.chown('/f', 'ada')
  t.match(ada.utimes('/f', { mtime: time(2, 0) }), { mtime: 2 })
  shard.verify()
})

t.test('refuses nanoseconds that are none, and what is not there', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: '' })
  t.throws(() => operator.utimes('/f', { mtime: time(1, 1_000_000_000) }), { code: 'INVALID_ARGUMENT' })
  t.throws(() => operator.utimes('/none', { mtime: time(1, 0) }), { code: 'NOT_FOUND' })
  shard.verify()
})
