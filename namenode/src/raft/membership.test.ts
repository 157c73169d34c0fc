import t from 'tap'
import { canStillWin, hasQuorum, makeConfiguration, quorumReached } from './configuration.ts'
import { commandEntry, TestGroup, TestMember } from './testing/test-group.ts'

const of = (values: Record<number, number>) => (id: number) => values[id] ?? 0

t.test('a quorum is more than half, of both sets while they are joint (section 6)', async t => {
  const three = makeConfiguration([1, 2, 3])
  t.ok(hasQuorum(three, id => id < 3))
  t.notOk(hasQuorum(three, id => id < 2))
  t.notOk(
    hasQuorum(makeConfiguration([1, 2, 3, 4]), id => id < 3),
    'half is none',
  )
  t.notOk(
    hasQuorum(makeConfiguration([]), () => true),
    'of nobody there is none',
  )
  const joint = makeConfiguration([3, 4, 5], [], [1, 2, 3])
  t.ok(hasQuorum(joint, id => id !== 1 && id !== 5))
  t.notOk(
    hasQuorum(joint, id => id >= 3),
    'only one of the old',
  )
  t.notOk(canStillWin(joint, id => id < 3))
})

t.test('what a quorum has reached is the least of both sets', async t => {
  t.equal(quorumReached(makeConfiguration([1, 2, 3]), of({ 1: 9, 2: 5, 3: 4 })), 5)
  t.equal(quorumReached(makeConfiguration([1, 2, 3, 4]), of({ 1: 9, 2: 8, 3: 4, 4: 1 })), 4)
  t.equal(quorumReached(makeConfiguration([4, 5, 6], [], [1, 2, 3]), of({ 1: 9, 2: 9, 4: 7, 5: 3 })), 3)
  t.equal(
    quorumReached(makeConfiguration([]), () => 9),
    0,
  )
})

t.test('learners get the log and count for nothing (thesis 4.2.1)', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  const learner = group.add(4)
  t.type(leader.core.changeMembership({ voters: [1, 2, 3], learners: [4] }), 'number')
  group.settle()
  t.equal(learner.core.lastIndex, 2)
  t.same(leader.core.configuration, makeConfiguration([1, 2, 3], [4]))
  group.cut.add(2).add(3)
  leader.core.propose(new Uint8Array(1))
  group.settle()
  t.equal(learner.core.lastIndex, 3)
  t.equal(leader.core.committed, 2)
})

t.test('a dead voter is replaced in one change, with two of three always enough', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.cut.add(3)
  group.add(4)
  t.equal(leader.core.changeMembership({ voters: [1, 2, 4], learners: [] }), 'not-caught-up')
  leader.core.changeMembership({ voters: [1, 2, 3], learners: [4] })
  group.tick(3, [1])
  t.type(leader.core.changeMembership({ voters: [1, 2, 4], learners: [] }), 'number')
  t.same(leader.core.configuration, makeConfiguration([1, 2, 4], [], [1, 2, 3]), 'joint from the append on')
  group.settle()
  t.same(leader.core.configuration, makeConfiguration([1, 2, 4]), 'and left when it is committed')
  group.tick(1, [1])
  t.same(group.of(4).core.configuration, makeConfiguration([1, 2, 4]))
})

t.test('one change at a time, and none before the leader knows what is committed', async t => {
  const leader = new TestMember({ terms: [1] }).elect(2)
  const change = { voters: [1, 2], learners: [] }
  t.equal(leader.core.changeMembership(change), 'too-early')
  const stored = { type: 'append-response', from: 2, to: 1, term: 2, accepted: true } as const
  leader.step({ ...stored, index: 2, hintIndex: 0, hintTerm: 0, hasLost: false })
  t.type(leader.core.changeMembership(change), 'number')
  t.equal(leader.core.changeMembership(change), 'in-change')
  t.equal(new TestMember({}).core.changeMembership(change), 'not-leader')
})

t.test('a voter cannot become a learner', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  t.equal(leader.core.changeMembership({ voters: [1, 2], learners: [3] }), 'not-caught-up')
})

t.test('a configuration is out of force when its entry is taken back (thesis 4.1)', async t => {
  const member = new TestMember({ terms: [1] })
  const configuration = makeConfiguration([1, 2, 4])
  const entry = { ...commandEntry(2, 2), kind: 'configuration', configuration } as const
  const append = { type: 'append', from: 2, to: 1, prevIndex: 1, prevTerm: 1, commit: 0 } as const
  member.step({ ...append, term: 2, entries: [entry] })
  t.same(member.core.configuration, configuration)
  member.step({ ...append, term: 3, entries: [commandEntry(2, 3)] })
  t.same(member.core.configuration, makeConfiguration([1, 2, 3]))
})

t.test('a leader that is removed leads to the end of the change, then steps down (section 6)', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  t.type(leader.core.changeMembership({ voters: [2, 3], learners: [] }), 'number')
  group.settle()
  t.equal(leader.core.role, 'follower')
  for (const id of [3, 2]) group.tick(10, [id])
  t.equal(group.of(2).core.role, 'leader')
  t.same(group.of(2).core.configuration, makeConfiguration([2, 3]))
  group.tick(40, [1])
  t.equal(leader.core.role, 'follower', 'and never stands again')
})

t.test(
  'a leader whose removal is stored by itself alone stands again after a crash (thesis 4.2.2)',
  async t => {
    const joint = makeConfiguration([2, 3], [], [1])
    const entries = [
      { ...commandEntry(1, 1), kind: 'configuration', configuration: joint } as const,
      { ...commandEntry(2, 1), kind: 'configuration', configuration: makeConfiguration([2, 3]) } as const,
    ]
    const group = new TestGroup([1, 2, 3])
    for (const [id, count] of [
      [1, 2],
      [2, 1],
      [3, 1],
    ] as const) {
      const member = new TestMember({ id, voters: [1] })
      group.members.set(id, member)
      const append = { type: 'append', from: 9, to: id, term: 1, prevIndex: 0, prevTerm: 0 } as const
      member.step({ ...append, entries: entries.slice(0, count), commit: 1 })
      member.sent = []
    }
    for (const id of [2, 3]) group.tick(15, [id])
    t.notOk(group.leader, 'the others need its vote, and its log outdoes theirs')
    group.tick(12, [1])
    t.equal(group.of(2).core.leader, 1, 'so it stands itself')
    for (const id of [2, 3]) t.same(group.of(id).core.configuration, makeConfiguration([2, 3]))
    t.equal(group.of(1).core.role, 'follower', 'and steps down when its removal is committed')
  },
)

t.test('a snapshot is described with the configuration of its entry', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.add(4)
  leader.core.changeMembership({ voters: [1, 2, 3], learners: [4] })
  group.settle()
  t.same(leader.core.describe(1).configuration, makeConfiguration([1, 2, 3]))
  t.same(leader.core.describe(2).configuration, makeConfiguration([1, 2, 3], [4]))
  leader.core.compact(2)
  t.same(leader.core.describe(2).configuration, makeConfiguration([1, 2, 3], [4]))
})
