import { ACCESSES_MAX } from '@hopbine/common/base/limits.ts'
import { noteAccess } from '@hopbine/common/protocol/metadata.ts'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

const read = (inodeId: number, seconds: number, nanos = 0) => ({ accesses: [{ inodeId, seconds, nanos }] })

t.test('moves the access time once after a change, and then after a day, and nothing else', async t => {
  const { shard, operator } = openShard()
  const made = operator.create('/f', { content: 'x' })
  const events = shard.events().length
  shard.time.advance(10_000)
  operator.write(noteAccess, read(made.id, made.mtime + 5, 7))
  const seen = operator.stat('/f')
  t.match(seen, { atime: made.mtime + 5, atimeNs: 7, mtime: made.mtime, ctime: made.ctime })
  operator.write(noteAccess, read(made.id, made.mtime + 8))
  t.equal(operator.stat('/f').atime, made.mtime + 5, 'it is later than the last change')
  shard.time.advance(2 * 86_400_000)
  operator.write(noteAccess, read(made.id, made.mtime + 90_000))
  t.equal(operator.stat('/f').atime, made.mtime + 90_000)
  t.equal(shard.events().length, events, 'nobody is told')
  operator.chmod('/f', 0o600)
  const { ctime } = operator.stat('/f')
  shard.time.advance(5_000)
  operator.write(noteAccess, read(made.id, ctime + 1))
  t.equal(operator.stat('/f').atime, ctime + 1, 'attributes changed after the last read')
  shard.verify()
})

t.test('never moves back, nor ahead of the command', async t => {
  const { shard, operator } = openShard()
  const { id, mtime } = operator.create('/f', { content: 'x' })
  operator.write(noteAccess, read(id, mtime - 100))
  t.equal(operator.stat('/f').atime, mtime)
  shard.time.advance(3_000)
  operator.write(noteAccess, read(id, mtime + 1_000_000))
  t.equal(operator.stat('/f').atime, mtime + 3)
  shard.verify()
})

t.test('passes over what is gone, is no file, or is not to be read by the caller', async t => {
  const { shard, operator } = openShard()
  const directory = operator.mkdir('/d')
  const mine = operator.create('/mine', { content: 'x', mode: 0o600 })
  const open = operator.create('/open', { content: 'x', mode: 0o644 })
  shard.time.advance(10_000)
  const seconds = mine.mtime + 5
  const all = [directory.id, mine.id, open.id, 999_999].map(inodeId => ({ inodeId, seconds, nanos: 0 }))
  shard.as('ada').write(noteAccess, { accesses: all })
  const moved = ['/d', '/mine', '/open'].filter(path => operator.stat(path).atime === seconds)
  t.same(moved, ['/open'])
  shard.verify()
})

t.test('refuses too many files and nanoseconds that are none', async t => {
  const { shard, operator } = openShard()
  const { id, mtime } = operator.create('/f', { content: 'x' })
  const one = { inodeId: id, seconds: mtime + 1, nanos: 0 }
  const many = { accesses: Array.from({ length: ACCESSES_MAX + 1 }, () => one) }
  t.throws(() => operator.write(noteAccess, many), { code: 'INVALID_ARGUMENT' })
  const wrong = read(id, mtime + 1, 1_000_000_000)
  t.throws(() => operator.write(noteAccess, wrong), { code: 'INVALID_ARGUMENT' })
  t.equal(operator.stat('/f').atime, mtime)
  shard.verify()
})
