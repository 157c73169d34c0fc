import { link } from '@hopbine/common/protocol/metadata.ts'
import fc from 'fast-check'
import t from 'tap'
import type { TestSession } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'
import { reclaim } from './internal.ts'

// Forty runs of forty steps on two replicas each.
t.setTimeout(120_000)

const linked = (session: TestSession, from: string, to: string) => session.write(link, { from, to }).status
const inode = (id: number): string => `/.reserved/.inodes/${id}`

t.test('both names show one inode, and what changes through one shows through the other', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/a')
  operator.mkdir('/b')
  const { id } = operator.create('/a/x', { content: 'hello' })
  t.match(linked(operator, '/a/x', '/b/y'), { id, name: 'y', nlink: 2, size: 5 })
  t.match(operator.stat('/a/x'), { id, name: 'x', nlink: 2 })
  operator.chmod('/b/y', 0o600)
  operator.append('/b/y')
  operator.completeInline(id, 'hello, world')
  for (const path of ['/a/x', '/b/y', inode(id)]) t.match(operator.stat(path), { mode: 0o600, size: 12 })
  t.match(operator.summary('/a'), { files: 1, bytes: 12 })
  t.match(operator.summary('/b'), { files: 1, bytes: 12 })
  t.match(operator.summary('/'), { files: 2, bytes: 24 })
  t.match(operator.page('/b').entries, [{ id, name: 'y', kind: 1, nlink: 2, size: 12 }])
  shard.verify()
})

t.test('the inode stays until its last name goes, whichever goes first', async t => {
  for (const first of ['/a/x', '/b/y']) {
    const { shard, operator } = openShard()
    operator.mkdir('/a')
    operator.mkdir('/b')
    const { id } = operator.create('/a/x', { content: 'hello' })
    linked(operator, '/a/x', '/b/y')
    operator.remove(first)
    const other = first === '/a/x' ? '/b/y' : '/a/x'
    t.match(operator.stat(other), { id, nlink: 1 })
    t.match(operator.open(inode(id)), { status: { id } })
    t.match(operator.summary('/'), { files: 1, bytes: 5 })
    operator.remove(other)
    t.throws(() => operator.stat(inode(id)), { code: 'STALE' })
    t.match(operator.summary('/'), { files: 0, bytes: 0 })
    shard.verify()
  }
})

t.test('renames move names, replace one of several, and leave two names of one inode alone', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  const { id } = operator.create('/x', { content: 'one' })
  linked(operator, '/x', '/y')
  operator.rename('/y', '/d/z')
  t.match(operator.stat('/d/z'), { id, nlink: 2 })
  operator.rename('/x', '/d/z', 1)
  t.match(operator.stat('/x'), { id, nlink: 2 }, 'POSIX: nothing happens')
  const { id: other } = operator.create('/other', { content: 'two' })
  operator.rename('/other', '/x', 1)
  t.match(operator.stat('/x'), { id: other, nlink: 1 })
  t.match(operator.stat('/d/z'), { id, nlink: 1 })
  linked(operator, '/d/z', '/w')
  operator.rename('/w', '/x', 2)
  t.match(operator.stat('/x'), { id, nlink: 2 })
  t.match(operator.stat('/w'), { id: other, nlink: 1 })
  shard.verify()
})

t.test('a removed tree lets go of names only; what has names outside lives', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/t/sub')
  const { id: inside } = operator.create('/t/sub/p', { content: 'primary inside' })
  linked(operator, '/t/sub/p', '/keep1')
  linked(operator, '/t/sub/p', '/t/also')
  const { id: outside } = operator.create('/keep2', { content: 'primary outside' })
  linked(operator, '/keep2', '/t/sub/q')
  operator.remove('/t', true)
  t.match(operator.stat(inode(inside)), { id: inside }, 'reachable by its id while the tree is taken apart')
  for (let left = 1; left > 0; ) left = shard.own<{ left: number }>(reclaim, { max: 3 }).left
  t.match(operator.stat('/keep1'), { id: inside, nlink: 1 })
  t.match(operator.stat('/keep2'), { id: outside, nlink: 1 })
  t.match(operator.summary('/'), { files: 2, directories: 1 })
  shard.verify()
})

t.test('refuses directories, taken names, closed places, other quotas and too many names', async t => {
  const { shard, operator } = openShard()
  operator.chmod('/', 0o777)
  operator.mkdir('/d', 0o755)
  operator.mkdir('/q')
  operator.setQuota('/q', 10)
  operator.create('/x', { content: 'x' })
  const ada = shard.as('ada')
  t.throws(() => linked(operator, '/d', '/e'), { code: 'NOT_PERMITTED', errno: 'EPERM' })
  t.throws(() => linked(operator, '/x', '/d'), { code: 'ALREADY_EXISTS' })
  t.throws(() => linked(operator, '/none', '/y'), { code: 'NOT_FOUND' })
  t.throws(() => linked(ada, '/x', '/d/y'), { code: 'ACCESS_DENIED' })
  t.throws(() => linked(operator, '/x', '/q/y'), { code: 'CROSS_SHARD', errno: 'EXDEV' })
  for (let i = 2; i <= 1024; i++) linked(operator, '/x', `/l${i}`)
  t.throws(() => linked(operator, '/x', '/one-more'), { code: 'TOO_MANY_LINKS', errno: 'EMLINK' })
  t.equal(operator.stat('/l500').nlink, 1024)
  shard.verify()
})

t.test('a link to a symbolic link is that link, and paths go through it', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.create('/d/f', { content: 'x' })
  const { id } = operator.symlink('/s', '/d')
  t.match(linked(operator, '/s', '/s2'), { id, kind: 3, nlink: 2 })
  t.equal(operator.stat('/s2/f').name, 'f')
  t.equal(operator.stat('/s2').kind, 2)
  shard.verify()
})

t.test('quotas count every name, and growth needs room above each', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/top/a')
  operator.mkdirs('/top/b')
  const { id } = operator.create('/top/a/x', { content: '12345' })
  linked(operator, '/top/a/x', '/top/b/y')
  operator.setQuota('/top', undefined, 20)
  operator.append('/top/a/x')
  t.throws(() => operator.completeInline(id, '12345678901'), { code: 'SPACE_QUOTA_EXCEEDED' })
  operator.completeInline(id, '1234567890')
  t.match(operator.summary('/top'), { files: 2, bytes: 20 })
  shard.verify()
})

t.test('any sequence of links, renames and removals keeps names and counts together', async () => {
  const names = ['a', 'b', 'd/c', 'd/e', 'f/g']
  const name = fc.constantFrom(...names)
  const step = fc.tuple(fc.constantFrom('create', 'link', 'rename', 'swap', 'remove', 'write'), name, name)
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), steps => {
      const { shard, operator } = openShard()
      operator.mkdir('/d')
      operator.mkdir('/f')
      const model = new Map<string, number>()
      for (const [what, from, to] of steps) apply(operator, model, what, `/${from}`, `/${to}`)
      for (const [path, id] of model) {
        const nlink = [...model.values()].filter(other => other === id).length
        const status = operator.stat(path)
        if (status.id !== id || status.nlink !== nlink) return false
      }
      shard.verify()
      return operator.summary('/').files === model.size
    }),
    { numRuns: 40 },
  )
})

/** The step on the shard and on a map of names; what the shard refuses changes neither. */
function apply(
  session: TestSession,
  model: Map<string, number>,
  what: string,
  from: string,
  to: string,
): void {
  const known = model.get(from)
  try {
    if (what === 'create') model.set(from, session.create(from, { content: from }).id)
    if (what === 'remove' && session.remove(from)) model.delete(from)
    if (what === 'link') model.set(to, linked(session, from, to).id)
    if (what === 'write' && known !== undefined) {
      session.append(from)
      session.completeInline(known, 'x'.repeat(from.length + to.length))
    }
    if (what === 'rename') {
      session.rename(from, to, 1)
      if (known !== undefined && model.get(to) !== known) {
        model.delete(from)
        model.set(to, known)
      }
    }
    if (what === 'swap') {
      session.rename(from, to, 2)
      const other = model.get(to) as number
      model.set(to, known as number)
      model.set(from, other)
    }
  } catch (error) {
    if (!['ALREADY_EXISTS', 'NOT_FOUND'].includes((error as { code: string }).code)) throw error
  }
}
