/** ACLs against the algorithm of acl(5), word for word over plain entries, and the forms of an ACL. */
import { randomInt } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { ACL_TAG, type AclEntry } from '../protocol/acl.ts'
import { type FullAcl, inheritedMode, mapAcl } from './acl.ts'
import { aclOfEntries, baseOfAcl, entriesOf, modifyAcl, removeFromAcl, withBase } from './acl-entries.ts'
import { type Caller, grants } from './permission.ts'

const seed = randomInt(2 ** 31)
t.comment(`seed ${seed}`)

const USERS = ['ada', 'bob', 'eve']
const GROUPS = ['lab', 'ops', 'staff']

/** "ACCESS CHECK ALGORITHM" of acl(5), for a process that is no superuser. */
function grantsByManual(
  { user, groups }: Caller<string>,
  entries: readonly AclEntry[],
  owner: string,
  group: string,
  wanted: number,
): boolean {
  const contains = (entry: AclEntry | undefined): boolean =>
    entry !== undefined && (entry.rights & wanted) === wanted
  const one = (tag: number): AclEntry | undefined => entries.find(entry => entry.tag === tag)
  const mask = one(ACL_TAG.mask)
  const masked = (entry: AclEntry): boolean => contains(entry) && (mask === undefined || contains(mask))
  if (user === owner) return contains(one(ACL_TAG.userObj))
  const named = entries.find(({ tag, name }) => tag === ACL_TAG.user && name === user)
  if (named !== undefined) return masked(named)
  const matching = entries.filter(
    ({ tag, name }) =>
      (tag === ACL_TAG.groupObj && groups.includes(group)) ||
      (tag === ACL_TAG.group && groups.includes(name)),
  )
  if (matching.length > 0) return matching.some(masked)
  return contains(one(ACL_TAG.other))
}

const rights = fc.nat({ max: 7 })
const named = (tag: number, names: readonly string[]) =>
  fc.uniqueArray(fc.record({ tag: fc.constant(tag), name: fc.constantFrom(...names), rights }), {
    selector: entry => entry.name,
  })
const entry = (tag: number) => fc.record({ tag: fc.constant(tag), name: fc.constant(''), rights })
/** Every valid list of entries: with names there is a mask. */
const validEntries = fc
  .tuple(
    entry(ACL_TAG.userObj),
    named(ACL_TAG.user, USERS),
    entry(ACL_TAG.groupObj),
    named(ACL_TAG.group, GROUPS),
    entry(ACL_TAG.mask),
    entry(ACL_TAG.other),
    fc.boolean(),
  )
  .map(([userObj, users, groupObj, groups, mask, other, isMasked]) => {
    const needsMask = isMasked || users.length + groups.length > 0
    return [userObj, ...users, groupObj, ...groups, ...(needsMask ? [mask] : []), other]
  })
const caller = fc.record({
  user: fc.constantFrom(...USERS, 'zoe'),
  groups: fc.subarray([...GROUPS, 'none']),
  superuser: fc.constant(false),
})

t.test('rights are what the algorithm of acl(5) says, by names and by numbers', async t => {
  const numberOf = (name: string): number => [...USERS, ...GROUPS, 'zoe', 'none'].indexOf(name)
  const property = fc.property(
    validEntries,
    caller,
    fc.constantFrom(...USERS),
    fc.constantFrom(...GROUPS),
    rights,
    (entries, who, owner, group, wanted) => {
      const { bits, acl } = aclOfEntries(entries)
      const expected = grantsByManual(who, entries, owner, group, wanted)
      const numbers = { ...who, user: numberOf(who.user), groups: who.groups.map(numberOf) }
      const byNumber = acl === undefined ? undefined : mapAcl(acl, numberOf)
      return (
        grants(who, bits, owner, group, wanted, acl) === expected &&
        grants(numbers, bits, numberOf(owner), numberOf(group), wanted, byNumber) === expected
      )
    },
  )
  fc.assert(property, { seed, numRuns: 5_000 })
  t.ok(grants({ user: 'zoe', groups: [], superuser: true }, 0, 'ada', 'lab', 7), 'a superuser is not asked')
})

t.test('entries and ACL are two forms of one thing', async t => {
  const inOrder = (entries: readonly AclEntry[]): AclEntry[] =>
    [...entries].sort((a, b) => a.tag - b.tag || (a.name < b.name ? -1 : 1))
  fc.assert(
    fc.property(validEntries, entries => {
      const found = entriesOf(aclOfEntries(entries))
      t.same(found, inOrder(entries))
    }),
    { seed, numRuns: 300 },
  )
})

t.test('what is made gets what the default ACL and the maker both allow', async t => {
  fc.assert(
    fc.property(validEntries, fc.nat({ max: 0o7777 }), (entries, mode) => {
      const full = aclOfEntries(entries)
      const found = inheritedMode(full, mode)
      return (found & ~0o777) === (mode & ~0o777) && (found & 0o777) === (mode & full.bits)
    }),
    { seed },
  )
  t.pass('for every ACL and mode')
})

t.test('changes keep what they do not name, and a mask that covers what it must', async t => {
  const spec = (full: FullAcl<string>): string =>
    entriesOf(full)
      .map(({ tag, name, rights }) => `${tag}:${name}:${rights}`)
      .join(' ')
  const user = (name: string, rights: number): AclEntry => ({ tag: ACL_TAG.user, name, rights })
  const mask = (rights: number): AclEntry => ({ tag: ACL_TAG.mask, name: '', rights })
  const plain: FullAcl<string> = { bits: 0o640, acl: undefined }
  const one = modifyAcl(plain, [user('eve', 6)])
  t.equal(spec(one), '1::6 2:eve:6 4::4 16::6 32::0')
  const limited = modifyAcl(one, [user('ada', 7), mask(4)])
  t.equal(spec(limited), '1::6 2:ada:7 2:eve:6 4::4 16::4 32::0')
  t.equal(spec(modifyAcl(limited, [user('eve', 0)])), '1::6 2:ada:7 2:eve:0 4::4 16::7 32::0')
  t.equal(spec(removeFromAcl(limited, [user('ada', 0), user('zoe', 0)])), '1::6 2:eve:6 4::4 16::6 32::0')
  const masked = removeFromAcl(one, [user('eve', 0)])
  t.equal(spec(masked), '1::6 4::4 16::4 32::0', 'one that had a mask keeps one')
  t.same(removeFromAcl(masked, [mask(0)]), plain)
  t.same(removeFromAcl(one, [user('eve', 0), mask(0)]), plain)
  t.same(baseOfAcl(limited), plain)
  t.equal(spec(aclOfEntries(withBase([user('eve', 7)], limited))), '1::6 2:eve:7 4::4 16::7 32::0')
  for (const refused of [
    () => removeFromAcl(one, [mask(0)]),
    () => removeFromAcl(one, [{ tag: ACL_TAG.other, name: '', rights: 0 }]),
    () => modifyAcl(one, [user('eve', 8)]),
    () => modifyAcl(one, [user('', 1)]),
    () => modifyAcl(one, [user('ada', 1), user('ada', 2)]),
    () => modifyAcl(one, [{ tag: 3, name: '', rights: 0 }]),
    () => aclOfEntries([user('eve', 1)]),
  ]) {
    t.throws(refused, { code: 'INVALID_ARGUMENT' })
  }
})
