import { ACL_TAG, type AclEntry, getAcl, SET_ACL, setAcl } from '@hopbine/common/protocol/acl.ts'
import {
  access,
  link,
  mknod,
  REMOVE,
  releaseOrphans,
  remove,
  setXattr,
} from '@hopbine/common/protocol/metadata.ts'
import { FLAG, KIND } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import type { TestSession } from '../testing/test-session.ts'
import { openShard, type TestShard } from '../testing/test-shard.ts'
import { reclaim } from './internal.ts'

const TAGS: Readonly<Record<string, readonly [bare: number, named: number]>> = {
  u: [ACL_TAG.userObj, ACL_TAG.user],
  g: [ACL_TAG.groupObj, ACL_TAG.group],
  m: [ACL_TAG.mask, ACL_TAG.mask],
  o: [ACL_TAG.other, ACL_TAG.other],
}

/** `u::rwx,u:ada:r--` as entries. */
function entries(spec: string): AclEntry[] {
  const parts = spec === '' ? [] : spec.split(',')
  return parts.map(part => {
    const [letter = '', name = '', letters = ''] = part.split(':')
    const tags = TAGS[letter] ?? [0, 0]
    const rights = [...letters].reduce((sum, right) => sum + ({ r: 4, w: 2, x: 1 }[right] ?? 0), 0)
    return { tag: name === '' ? tags[0] : tags[1], name, rights }
  })
}

function spec(list: readonly AclEntry[]): string {
  return list
    .map(({ tag, name, rights }) => {
      const letter = Object.keys(TAGS).find(key => TAGS[key]?.includes(tag))
      const letters = `${rights & 4 ? 'r' : '-'}${rights & 2 ? 'w' : '-'}${rights & 1 ? 'x' : '-'}`
      return `${letter}:${name}:${letters}`
    })
    .join(',')
}

interface Change {
  readonly access?: string
  readonly default?: string
  readonly how?: number
}

function set(session: TestSession, path: string, change: Change) {
  const { access, default: byDefault, how = SET_ACL.replace } = change
  const request = {
    access: access === undefined ? undefined : entries(access),
    default: byDefault === undefined ? undefined : entries(byDefault),
  }
  return session.write(setAcl, { path, how, ...request }).status
}

function get(session: TestSession, path: string): [access: string, byDefault: string] {
  const found = session.read(getAcl, { path })
  return [spec(found.access), spec(found.default)]
}

const rowsOf = (shard: TestShard): number =>
  shard.state.db.prepare<[], number>('SELECT count(*) FROM acl').pluck().get() ?? 0

/** What the session may do, summed. */
function rights(session: TestSession, path: string): number {
  return [4, 2, 1].reduce((sum, wanted) => {
    try {
      session.read(access, { path, wanted })
      return sum + wanted
    } catch {
      return sum
    }
  }, 0)
}

const FULL = 'u::rwx,u:ada:rw-,g::r--,g:lab:rwx,m::rwx,o::---'

t.test('an ACL is set, shown, replaced and taken away; the middle bits are its mask', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: 'x', mode: 0o640 })
  t.same(get(operator, '/f'), ['u::rw-,g::r--,o::---', ''])
  const status = set(operator, '/f', { access: FULL })
  t.equal(status.mode, 0o770)
  t.equal(status.flags & FLAG.accessAcl, FLAG.accessAcl)
  t.same(get(operator, '/f'), [FULL, ''])
  t.equal(operator.chmod('/f', 0o754).mode, 0o754)
  t.same(get(operator, '/f'), ['u::rwx,u:ada:rw-,g::r--,g:lab:rwx,m::r-x,o::r--', ''], 'chmod sets the mask')
  shard.verify()
  set(operator, '/f', { access: 'u::rw-,u:eve:r--,g::rw-,o::r--' })
  t.same(get(operator, '/f'), ['u::rw-,u:eve:r--,g::rw-,m::rw-,o::r--', ''], 'a missing mask limits nothing')
  set(operator, '/f', { access: 'u::rw-,u:eve:rwx,g::r--,m::rwx,o::---' })
  t.equal(set(operator, '/f', { access: '' }).mode, 0o670, 'the bits stay what they showed')
  t.equal(operator.stat('/f').flags & FLAG.accessAcl, 0)
  set(operator, '/f', { access: FULL })
  t.equal(set(operator, '/f', { access: 'u::rw-,g::r--,o::r--' }).mode, 0o644, 'bits say it all')
  t.equal(operator.stat('/f').flags & FLAG.accessAcl, 0)
  t.equal(rowsOf(shard), 0)
  shard.verify()
})

t.test('entries are changed and removed one by one, and the mask follows', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d', 0o750)
  const change = (how: number, change: Change) => set(operator, '/d', { how, ...change })
  t.equal(change(SET_ACL.modify, { access: 'u:ada:rw-' }).mode, 0o770)
  t.same(get(operator, '/d'), ['u::rwx,u:ada:rw-,g::r-x,m::rwx,o::---', ''])
  change(SET_ACL.modify, { access: 'u:ada:---,g:lab:r--,m::r--', default: 'u:eve:rwx' })
  t.same(get(operator, '/d'), [
    'u::rwx,u:ada:---,g::r-x,g:lab:r--,m::r--,o::---',
    'u::rwx,u:eve:rwx,g::r-x,m::rwx,o::---',
  ])
  change(SET_ACL.remove, { access: 'u:ada:,u:nobody:', default: 'u:eve:' })
  t.same(get(operator, '/d'), ['u::rwx,g::r-x,g:lab:r--,m::r-x,o::---', 'u::rwx,g::r-x,m::r-x,o::---'])
  change(SET_ACL.remove, { access: 'g:lab:,m::', default: 'm::' })
  t.same(get(operator, '/d'), ['u::rwx,g::r-x,o::---', 'u::rwx,g::r-x,o::---'])
  change(SET_ACL.modify, { access: 'u:ada:rwx,m::rwx' })
  t.equal(change(SET_ACL.base, {}).mode, 0o750, 'the group has its own rights again')
  t.same(get(operator, '/d'), ['u::rwx,g::r-x,o::---', ''])
  change(SET_ACL.replace, { default: FULL })
  change(SET_ACL.replace, { default: '' })
  t.equal(rowsOf(shard), 0)
  shard.verify()
})

t.test('rights are those of the one class that the caller is in', async t => {
  const { shard, operator } = openShard()
  operator.create('/f', { content: 'x' })
  operator.chown('/f', 'owner', 'staff')
  set(operator, '/f', { access: 'u::r--,u:ada:rwx,u:eve:---,g::r--,g:lab:-w-,g:two:rw-,m::rw-,o::rwx' })
  const cases: [user: string, groups: string[], expected: number][] = [
    ['owner', ['lab'], 4],
    ['ada', ['ada'], 6],
    ['eve', ['lab', 'two', 'staff'], 0],
    ['kim', ['staff'], 4],
    ['kim', ['lab'], 2],
    ['kim', ['lab', 'staff'], 6],
    ['kim', ['two'], 6],
    ['kim', ['none'], 7],
  ]
  for (const [user, groups, expected] of cases) {
    t.equal(rights(shard.as(user, groups), '/f'), expected, `${user} in ${groups}`)
  }
  // No single group grants both, whatever each grants alone.
  const both = shard.as('kim', ['lab', 'staff'])
  t.throws(() => both.read(access, { path: '/f', wanted: 6 }), { code: 'ACCESS_DENIED' })
  t.doesNotThrow(() => shard.as('kim', ['two']).read(access, { path: '/f', wanted: 6 }))
})

t.test('every door asks the ACL: search, list, open, write, make, remove, attributes', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/d/in')
  operator.create('/d/in/f', { content: 'x', mode: 0o600 })
  operator.chmod('/d', 0o700)
  operator.chmod('/d/in', 0o700)
  const ada = shard.as('ada')
  const denied = (body: () => unknown) => t.throws(body, { code: 'ACCESS_DENIED' })
  denied(() => ada.stat('/d/in/f'))
  set(operator, '/d', { how: SET_ACL.modify, access: 'u:ada:--x' })
  denied(() => ada.stat('/d/in/f'))
  set(operator, '/d/in', { how: SET_ACL.modify, access: 'u:ada:--x' })
  t.equal(ada.stat('/d/in/f').size, 1)
  t.equal(ada.stat(`/.reserved/.inodes/${operator.stat('/d/in/f').id}`).size, 1)
  denied(() => ada.page('/d/in'))
  denied(() => ada.open('/d/in/f'))
  denied(() => ada.create('/d/in/new', { content: '' }))
  set(operator, '/d/in', { how: SET_ACL.modify, access: 'u:ada:rwx' })
  set(operator, '/d/in/f', { how: SET_ACL.modify, access: 'u:ada:r--' })
  t.same(ada.names('/d/in'), ['f'])
  t.equal(ada.open('/d/in/f').status.size, 1)
  denied(() => ada.append('/d/in/f'))
  denied(() => ada.truncate('/d/in/f', 0))
  denied(() => ada.write(setXattr, { path: '/d/in/f', name: 'user.a', value: Buffer.from('1'), how: 0 }))
  t.throws(() => ada.utimes('/d/in/f', { mtime: { seconds: 1, nanos: 0 } }), { code: 'NOT_PERMITTED' })
  set(operator, '/d/in/f', { how: SET_ACL.modify, access: 'u:ada:rw-' })
  ada.truncate('/d/in/f', 0)
  ada.utimes('/d/in/f', { mtime: { seconds: 1, nanos: 0 } })
  ada.create('/d/in/new', { content: '' })
  ada.rename('/d/in/new', '/d/in/old')
  ada.remove('/d/in/f')
  operator.chmod('/d/in', 0o700)
  denied(() => ada.remove('/d/in/old'))
  shard.verify()
})

t.test(
  'only the owner and the operator set one, and the set-gid bit falls off outside the group',
  async t => {
    const { shard, operator } = openShard()
    const [ada, eve] = [shard.as('ada'), shard.as('eve')]
    operator.create('/f', { content: 'x' })
    operator.chown('/f', 'ada', 'lab')
    operator.chmod('/f', 0o2755)
    t.throws(() => set(eve, '/f', { how: SET_ACL.modify, access: 'u:eve:rwx' }), { code: 'NOT_PERMITTED' })
    t.equal(set(ada, '/f', { how: SET_ACL.modify, access: 'u:eve:r--' }).mode, 0o755)
    operator.mkdir('/d')
    operator.chown('/d', 'ada', 'lab')
    operator.chmod('/d', 0o2755)
    t.equal(set(ada, '/d', { default: FULL }).mode, 0o2755, 'a default ACL changes no mode')
    t.equal(set(ada, '/d', { access: '' }).mode, 0o2755, 'nor does taking one away')
    t.equal(set(ada, '/d', { how: SET_ACL.modify, access: 'u:eve:r--' }).mode, 0o755)
    t.equal(get(eve, '/f')[0], 'u::rwx,u:eve:r--,g::r-x,m::r-x,o::r-x', 'everybody may know it')
    shard.verify()
  },
)

t.test('what is made in a directory inherits the default ACL instead of the umask', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/plain')
  operator.mkdir('/d')
  set(operator, '/d', { default: 'u::rwx,u:ada:rwx,g::r-x,m::rwx,o::---' })
  const umask = 0o077
  t.equal(operator.create('/plain/f', { content: '', mode: 0o666, umask }).mode, 0o600)
  const file = operator.create('/d/f', { content: '', mode: 0o666, umask })
  t.equal(file.mode, 0o660)
  t.same(get(operator, '/d/f'), ['u::rw-,u:ada:rwx,g::r-x,m::rw-,o::---', ''])
  t.equal(rights(shard.as('ada'), '/d/f'), 6)
  const open = operator.create('/d/open', { mode: 0o644, umask })
  t.equal(open.mode, 0o640)
  operator.completeInline(open.id, 'content')
  t.equal(operator.stat('/d/open').flags & FLAG.accessAcl, FLAG.accessAcl, 'completion keeps it')
  const fifo = { path: '/d/fifo', kind: KIND.fifo, mode: 0o666, device: '', umask }
  t.equal(operator.write(mknod, fifo).status.mode, 0o660)
  const { flags, mode } = operator.write(mknod, { ...fifo, path: '/plain/fifo' }).status
  t.same([flags, mode], [0, 0o600])
  operator.symlink('/d/link', 'f')
  t.equal(operator.stat('/d/link', false).flags, 0)
  operator.mkdirs('/d/a/b', 0o755)
  for (const path of ['/d/a', '/d/a/b']) {
    t.same(get(operator, path), [
      'u::rwx,u:ada:rwx,g::r-x,m::r-x,o::---',
      'u::rwx,u:ada:rwx,g::r-x,m::rwx,o::---',
    ])
  }
  operator.create('/d/c/f', { content: '', createParents: true })
  t.equal(operator.stat('/d/c').flags, FLAG.accessAcl | FLAG.defaultAcl)
  set(operator, '/d', { default: 'u::rwx,g::r-x,o::---' })
  t.equal(operator.create('/d/bits', { content: '', mode: 0o666, umask }).mode, 0o640, 'bits alone')
  t.equal(operator.stat('/d/bits').flags & FLAG.accessAcl, 0)
  shard.verify()
})

t.test('it follows the inode through renames and links, and goes with it', async t => {
  const { shard, operator } = openShard()
  operator.mkdirs('/d/e')
  operator.create('/d/x', { content: 'x' })
  set(operator, '/d/x', { access: FULL })
  set(operator, '/d/e', { access: FULL, default: FULL })
  operator.rename('/d/x', '/d/y')
  operator.write(link, { from: '/d/y', to: '/d/e/z' })
  t.same(get(operator, '/d/e/z'), [FULL, ''])
  operator.remove('/d/y')
  t.same(get(operator, '/d/e/z'), [FULL, ''])
  operator.rename('/d/e', '/e')
  t.same(get(operator, '/e'), [FULL, FULL])
  operator.write(setXattr, { path: '/e/z', name: 'user.a', value: Buffer.from('1'), how: 0 })
  operator.chown('/e/z', 'eve')
  t.same(get(operator, '/e/z'), [FULL, ''])
  shard.verify()
  operator.remove('/e', true)
  for (let left = 1; left > 0; ) left = shard.own<{ left: number }>(reclaim, { max: 2 }).left
  t.equal(rowsOf(shard), 0)
  shard.verify()
})

t.test('a file that lives on without a name keeps its ACL until it is let go', async t => {
  const { shard, operator } = openShard()
  const { id } = operator.create('/f', { content: 'x' })
  set(operator, '/f', { access: FULL })
  operator.write(remove, { path: '/f', recursive: false, only: REMOVE.any, keepOpen: [id] })
  t.equal(rowsOf(shard), 3)
  shard.verify()
  operator.write(releaseOrphans, { inodeIds: [id] })
  t.equal(rowsOf(shard), 0)
  shard.verify()
})

t.test('refuses what is no ACL, and changes nothing then', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  operator.create('/f', { content: 'x' })
  operator.symlink('/link', '/f')
  const many = Array.from({ length: 510 }, (_, i) => `u:user${i}:r--`).join(',')
  const cases: [path: string, change: Change, code: string][] = [
    ['/f', { access: 'u:ada:rwx' }, 'INVALID_ARGUMENT'],
    ['/f', { access: `${FULL},u:ada:r--` }, 'INVALID_ARGUMENT'],
    ['/f', { access: 'u::rwx,g::rwx,o::rwx,x:ada:rwx' }, 'INVALID_ARGUMENT'],
    ['/f', { access: 'u::rwx,g::rwx,o:ada:rwx' }, 'INVALID_ARGUMENT'],
    ['/f', { access: `u::rwx,g::rwx,o::rwx,u:${'n'.repeat(256)}:r--` }, 'INVALID_ARGUMENT'],
    ['/f', { access: `u::rwx,g::rwx,o::rwx,${many}` }, 'NO_SPACE'],
    ['/f', { access: FULL, how: 4 }, 'INVALID_ARGUMENT'],
    ['/f', { default: FULL }, 'INVALID_ARGUMENT'],
    ['/d', { access: 'u::rwx', how: SET_ACL.remove }, 'INVALID_ARGUMENT'],
    ['/none', { access: FULL }, 'NOT_FOUND'],
    [`/.reserved/.inodes/${operator.stat('/link', false).id}`, { access: FULL }, 'UNSUPPORTED'],
  ]
  for (const [path, change, code] of cases) t.throws(() => set(operator, path, change), { code })
  set(operator, '/d', { access: FULL })
  const needed: Change = { access: 'm::', how: SET_ACL.remove }
  t.throws(() => set(operator, '/d', needed), { code: 'INVALID_ARGUMENT' }, 'a mask that is needed')
  t.same(get(operator, '/d'), [FULL, ''])
  t.doesNotThrow(() => set(operator, '/f', { default: '' }), 'none to take away')
  shard.verify()
})

t.test('verification finds flags without rows and rows that are no ACL', async t => {
  const damages: [sql: string, says: RegExp][] = [
    ['DELETE FROM acl WHERE scope = 0', /access ACL and its flag disagree/],
    ['UPDATE entry SET flags = 0', /flag disagree/],
    ['DELETE FROM acl WHERE tag = 4 AND scope = 0', /access ACL make no ACL/],
    ['DELETE FROM acl WHERE tag = 16', /default ACL make no ACL/],
    ['UPDATE acl SET identity_id = 999 WHERE tag = 2', /make no ACL/],
    ['UPDATE acl SET rights = 8', /make no ACL/],
  ]
  for (const [sql, says] of damages) {
    const { shard, operator } = openShard()
    operator.mkdir('/d')
    set(operator, '/d', { access: FULL, default: FULL })
    shard.verify()
    shard.damage(({ db }) => void db.exec(sql))
    t.throws(() => shard.verify(), { message: says }, sql)
  }
})
