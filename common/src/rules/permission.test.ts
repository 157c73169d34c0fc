import t from 'tap'
import { KIND } from '../protocol/types.ts'
import {
  aclMode,
  type Caller,
  chmodMode,
  chownMode,
  chownProblem,
  grants,
  inheritsGroup,
  isOwner,
  maySetTimes,
  newMode,
  passesSticky,
  READ,
  WRITE,
  writtenMode,
} from './permission.ts'

const ada: Caller<string> = { user: 'ada', groups: ['staff', 'lab'], superuser: false }
const root: Caller<string> = { user: 'root', groups: [], superuser: true }

t.test('the first class that the caller is in decides, whatever a later one would grant', async t => {
  t.ok(grants(ada, 0o400, 'ada', 'lab', READ))
  t.notOk(grants(ada, 0o077, 'ada', 'lab', READ))
  t.ok(grants(ada, 0o040, 'eve', 'lab', READ))
  t.notOk(grants(ada, 0o707, 'eve', 'lab', READ))
  t.ok(grants(ada, 0o004, 'eve', 'other', READ))
  t.notOk(grants(ada, 0o774, 'eve', 'other', READ | WRITE))
  t.ok(grants(root, 0, 'eve', 'other', READ | WRITE))
})

t.test('out of a sticky directory only owners take names', async t => {
  t.ok(passesSticky(ada, 0o777, 'eve', 'eve'))
  t.notOk(passesSticky(ada, 0o1777, 'eve', 'eve'))
  t.ok(passesSticky(ada, 0o1777, 'eve', 'ada'))
  t.ok(passesSticky(ada, 0o1777, 'ada', 'eve'))
  t.ok(passesSticky(root, 0o1777, 'eve', 'eve'))
})

t.test('the set-gid bit is inherited by directories and lent by nobody outside the group', async t => {
  t.ok(inheritsGroup(0o2755))
  t.notOk(inheritsGroup(0o755))
  t.equal(newMode(KIND.directory, 0o755, 0o2755, false), 0o2755)
  t.equal(newMode(KIND.directory, 0o755, 0o755, false), 0o755)
  t.equal(newMode(KIND.file, 0o2755, 0o2755, true), 0o2755)
  t.equal(newMode(KIND.file, 0o2755, 0o2755, false), 0o755)
  t.equal(chmodMode(ada, KIND.file, 'lab', 0o2755), 0o2755)
  t.equal(chmodMode(ada, KIND.file, 'other', 0o2755), 0o755)
  t.equal(chmodMode(ada, KIND.directory, 'other', 0o2755), 0o2755)
  t.equal(chmodMode(root, KIND.file, 'other', 0o2755), 0o2755)
  t.equal(aclMode(ada, 'lab', 0o2755), 0o2755)
  t.equal(aclMode(ada, 'other', 0o2755), 0o755)
  t.equal(aclMode(root, 'other', 0o2755), 0o2755)
})

t.test('an owner gives nothing away, chooses among the own groups, and loses set-id bits', async t => {
  t.equal(chownProblem(ada, 'ada', 'lab', 'eve', undefined), 'gives-away')
  t.equal(chownProblem(ada, 'ada', 'lab', undefined, 'other'), 'not-a-member')
  t.equal(chownProblem(ada, 'ada', 'staff', 'ada', 'lab'), undefined)
  t.equal(chownProblem(ada, 'ada', 'other', 'ada', 'other'), undefined, 'it stays what it is')
  t.equal(chownProblem(root, 'ada', 'lab', 'eve', 'other'), undefined)
  t.equal(chownMode(ada, KIND.file, 'lab', 0o6755), 0o755)
  t.equal(chownMode(ada, KIND.file, 'lab', 0o6744), 0o2744)
  t.equal(chownMode(ada, KIND.file, 'other', 0o6744), 0o744)
  t.equal(chownMode(ada, KIND.directory, 'other', 0o6755), 0o6755)
  t.equal(chownMode(root, KIND.file, 'other', 0o6755), 0o6755)
})

t.test('a write takes set-id bits away; without execution by the group, its members keep theirs', async t => {
  t.equal(writtenMode(ada.groups, 'lab', 0o6755), 0o755)
  t.equal(writtenMode(ada.groups, 'lab', 0o6644), 0o2644)
  t.equal(writtenMode(ada.groups, 'other', 0o6644), 0o644)
})

t.test('times are set by the owner and by who may write', async t => {
  t.ok(isOwner(ada, 'ada'))
  t.ok(isOwner(root, 'ada'))
  t.ok(maySetTimes(ada, 0, 'ada', 'lab'))
  t.ok(maySetTimes(ada, 0o020, 'eve', 'lab'))
  t.notOk(maySetTimes(ada, 0o040, 'eve', 'lab'))
})
