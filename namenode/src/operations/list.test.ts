import { FRAME_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { list_ } from '@hopbine/common/protocol/metadata.ts'
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import fc from 'fast-check'
import t from 'tap'
import { openShard } from '../testing/test-shard.ts'

t.test('lists everything in byte order of names with full attributes', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.mkdir('/d/sub', 0o700)
  operator.create('/d/file', { content: 'abc', replication: 2 })
  operator.symlink('/d/Link', 'file')
  const { entries, more } = operator.page('/d')
  t.equal(more, false)
  t.same(
    entries,
    ['Link', 'file', 'sub'].map(name => operator.stat(`/d/${name}`, false)),
  )
  t.same(operator.page('/d/sub'), { entries: [], more: false })
  shard.verify()
})

t.test('goes on after any name, whether that exists or not', async t => {
  const { shard, operator } = openShard()
  for (const name of ['b', 'd', 'f']) operator.mkdir(`/${name}`)
  const after = (name: string, max = 0) => operator.page('/', name, max).entries.map(entry => entry.name)
  t.same(after(''), ['b', 'd', 'f'])
  t.same(after('b'), ['d', 'f'])
  t.same(after('c'), ['d', 'f'])
  t.same(after('f'), [])
  t.same(after('', 2), ['b', 'd'])
  t.equal(operator.page('/', '', 3).more, false)
  t.equal(operator.page('/', '', 2).more, true)
  operator.remove('/d')
  t.same(after('b'), ['f'], 'a name removed meanwhile is not missed')
  shard.verify()
})

t.test('pages of any size tell each name once', async t => {
  const { shard, operator } = openShard()
  const property = fc.property(
    fc.uniqueArray(fc.string({ minLength: 1, maxLength: 5, unit: 'grapheme' }), { maxLength: 15 }),
    fc.integer({ min: 1, max: 6 }),
    (wanted, max) => {
      const names = wanted.filter(name => !/[/\0]|^\.{1,2}$/.test(name)).filter(name => name.isWellFormed())
      operator.mkdir('/p')
      for (const name of names) operator.create(`/p/${name}`, { content: '' })
      const inOrder = names.sort((a, b) => Buffer.compare(Buffer.from(a), Buffer.from(b)))
      t.strictSame(operator.names('/p', max), inOrder)
      operator.remove('/p', true)
    },
  )
  fc.assert(property, randomRuns(40))
  shard.verify()
})

t.test('a page has at most 1,000 entries, asked for or not', async t => {
  const { shard, operator } = openShard()
  for (let i = 0; i < 1002; i++) operator.symlink(`/${i}`, 'x')
  for (const max of [0, 1000, 1001, 4_000_000_000]) {
    t.match(operator.page('/', '', max), { entries: { length: 1000 }, more: true })
  }
  t.equal(operator.names('/').length, 1002)
  shard.verify()
})

t.test('a page fits into a message however long names and targets are', async t => {
  const { shard, operator } = openShard()
  for (let i = 0; i < 1000; i++) operator.symlink(`/${`${i}-`.padEnd(255, 'n')}`, 't'.repeat(4095))
  const page = operator.page('/')
  const writer = new Writer()
  list_.response.encode(writer, page)
  t.ok(writer.position < FRAME_BYTES_MAX - 1024, `${writer.position} bytes`)
  t.ok(page.more)
  t.equal(operator.names('/').length, 1000)
  shard.verify()
})

t.test('anything but a directory lists itself', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: 'x' })
  operator.mkdirs('/d/in')
  operator.symlink('/toFile', 'f')
  operator.symlink('/toDirectory', 'd')
  t.same(operator.names('/f'), ['f'])
  t.same(operator.names('/toFile'), ['f'])
  t.same(operator.names('/toDirectory'), ['in'])
  t.same(operator.page('/f', 'e').entries, [])
  shard.verify()
})

t.test('needs read and search permission', async t => {
  const { shard, operator } = openShard()
  const ada = shard.as('ada')
  for (const [mode, allowed] of [
    [0o754, false],
    [0o751, false],
    [0o755, true],
  ] as const) {
    operator.mkdir(`/d${mode}`, mode)
    if (allowed) t.same(ada.names(`/d${mode}`), [])
    else t.throws(() => ada.names(`/d${mode}`), { code: 'ACCESS_DENIED' })
  }
  t.throws(() => operator.names('/none'), { code: 'NOT_FOUND' })
  operator.chmod('/d493', 0o700)
  t.throws(
    () => ada.names('/d493'),
    { code: 'ACCESS_DENIED' },
    'a listing that was told before is told no more',
  )
  shard.verify()
})

t.test('a listing told before shows every change since', async t => {
  const { shard, operator } = openShard()
  shard.addDatanodes('n1')
  operator.mkdirs('/d/sub')
  const { id } = operator.create('/d/f', { content: 'abc' })
  const changes: [string, () => void][] = [
    ['append', () => operator.append('/d/f')],
    ['complete', () => operator.completeInline(id, 'abcd')],
    ['chmod', () => operator.chmod('/d/f', 0o600)],
    ['chown', () => operator.chown('/d/f', 'ada', 'team')],
    ['utimes', () => operator.utimes('/d/f', { mtime: { seconds: 5, nanos: 6 } })],
    ['setReplication', () => operator.setReplication('/d/f', 4)],
    ['truncate', () => operator.truncate('/d/f', 2)],
    ['mkdir below', () => operator.mkdir('/d/sub/x')],
    ['mkdir two below', () => operator.mkdir('/d/sub/x/y')],
    ['chmod of a directory', () => operator.chmod('/d/sub', 0o711)],
    ['utimes of a directory', () => operator.utimes('/d/sub', { atime: { seconds: 8, nanos: 9 } })],
    ['rename', () => operator.rename('/d/f', '/d/g')],
    ['rename out', () => operator.rename('/d/g', '/g')],
    ['rename in', () => operator.rename('/g', '/d/h')],
    ['exchange', () => operator.rename('/d/h', '/d/sub', 2)],
    ['exchange with outside', () => operator.rename('/d/sub', '/d/h/x', 2)],
    ['create', () => operator.create('/d/new', { content: '' })],
    ['overwrite', () => operator.create('/d/new', { content: 'x', ifExists: 1 })],
    ['rename of the directory', () => operator.rename('/d', '/e')],
    ['rename back', () => operator.rename('/e', '/d')],
    ['remove', () => operator.remove('/d/new')],
    ['remove below', () => operator.remove('/d/h/x')],
  ]
  for (const [title, change] of changes) {
    if (title !== 'rename back') operator.page('/d')
    change()
    if (title === 'rename of the directory') continue
    const { entries } = operator.page('/d')
    const wanted = entries.map(({ name }) => operator.stat(`/d/${name}`, false))
    t.same(entries, wanted, title)
  }
  shard.verify()
})
