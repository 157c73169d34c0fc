import t from 'tap'
import { commandEntry, TestGroup, TestMember } from './testing/test-group.ts'

const ELECTION = 10

t.test('a member that hears nobody asks for pre-votes, and changes nothing by that (thesis 9.6)', async t => {
  const member = new TestMember({}).tick(ELECTION)
  t.equal(member.core.role, 'pre-candidate')
  t.equal(member.core.term, 0)
  t.match(
    member.take('vote-request').map(({ to, pre, term }) => ({ to, pre, term })),
    [2, 3].map(to => ({ to, pre: true, term: 1 })),
  )
  t.match(member.hardState, { term: 0, vote: 0 })
})

t.test('with a quorum of pre-votes it stands, and asks only when its own vote is stored', async t => {
  const member = new TestMember({}).tick(ELECTION)
  member.sent = []
  member.isDiskStuck = true
  member.step({ type: 'vote-response', from: 2, to: 1, term: 1, pre: true, granted: true })
  t.equal(member.core.role, 'candidate')
  t.same(member.sent, [])
  member.save()
  t.match(member.hardState, { term: 1, vote: 1 })
  t.equal(member.take('vote-request').length, 2)
})

t.test('a lone voter leads only when its vote is stored', async t => {
  const member = new TestMember({ voters: [1] })
  member.isDiskStuck = true
  member.core.campaign()
  member.settle()
  t.equal(member.core.role, 'candidate')
  member.save()
  t.equal(member.core.role, 'leader')
  t.equal(member.core.term, 1)
})

t.test('a member gives one vote a term, to a log that outdoes its own (5.2, 5.4.1)', async t => {
  const ask = { type: 'vote-request', to: 1, term: 3, pre: false, isTransfer: false } as const
  const answers = (member: TestMember): Array<[number, boolean]> =>
    member.take('vote-response').map(({ to, granted }) => [to, granted])
  const member = new TestMember({ terms: [1, 2] })
  member.step({ ...ask, from: 2, lastIndex: 9, lastTerm: 1 })
  t.same(answers(member), [[2, false]], 'a shorter term at the end')
  member.step({ ...ask, from: 2, lastIndex: 2, lastTerm: 2 })
  t.same(answers(member), [[2, true]])
  t.match(member.hardState, { term: 3, vote: 2 })
  member.step({ ...ask, from: 3, lastIndex: 5, lastTerm: 2 })
  t.same(answers(member), [[3, false]], 'the vote is given')
  member.step({ ...ask, from: 2, lastIndex: 2, lastTerm: 2 })
  t.same(answers(member), [[2, true]], 'asked again it says the same')
  const again = new TestMember({ terms: [1, 2], hardState: member.hardState })
  again.step({ ...ask, from: 3, lastIndex: 5, lastTerm: 2 })
  t.same(answers(again), [[3, false]], 'a restart remembers')
})

t.test('a vote leaves only when it is stored', async t => {
  const member = new TestMember({})
  member.isDiskStuck = true
  const ask = { type: 'vote-request', pre: false, isTransfer: false, lastIndex: 0, lastTerm: 0 } as const
  member.step({ ...ask, from: 2, to: 1, term: 1 })
  t.same(member.sent, [])
  member.save()
  t.match(member.take('vote-response'), [{ granted: true, term: 1 }])
})

t.test('who hears a leader votes for nobody, unless the leader asked for it (thesis 4.2.3)', async t => {
  const member = new TestMember({}).step({ type: 'heartbeat', from: 2, to: 1, term: 1, commit: 0, round: 1 })
  member.sent = []
  const ask = { type: 'vote-request', from: 3, to: 1, term: 9, lastIndex: 0, lastTerm: 0 } as const
  for (const pre of [true, false]) member.step({ ...ask, pre, isTransfer: false })
  t.same(member.sent, [])
  t.equal(member.core.term, 1)
  member.step({ ...ask, pre: false, isTransfer: true })
  t.match(member.take('vote-response'), [{ granted: true }])
})

t.test('with leases a restarted member waits an election time before it votes', async t => {
  const member = new TestMember({ settings: { leaseMs: 100 } })
  const ask = { type: 'vote-request', from: 3, to: 1, term: 2, lastIndex: 0, lastTerm: 0 } as const
  member.step({ ...ask, pre: false, isTransfer: false })
  t.same(member.sent, [])
  member.tick(ELECTION)
  member.sent = []
  member.step({ ...ask, pre: false, isTransfer: false })
  t.match(member.take('vote-response'), [{ granted: true }])
})

t.test('a member that was cut off does not disturb the group when it returns', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.cut.add(3)
  group.tick(5 * ELECTION)
  t.equal(group.of(3).core.term, 1, 'pre-votes raise no term')
  group.cut.clear()
  group.tick(2 * ELECTION)
  t.equal(leader.core.role, 'leader')
  t.equal(group.of(3).core.leader, 1)
})

t.test('a leader that hears from no quorum steps down within two election times (thesis 6.2)', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.cut.add(1)
  group.tick(2 * ELECTION, [1])
  t.not(leader.core.role, 'leader')
  t.equal(leader.core.leader, 0)
  for (const id of [3, 2]) group.tick(ELECTION, [id])
  t.equal(group.of(2).core.role, 'leader')
})

t.test('a leader of an earlier term learns of the later one by the answer to its heartbeat', async t => {
  const member = new TestMember({ hardState: { term: 5, vote: 0, commit: 0 } })
  member.step({ type: 'heartbeat', from: 2, to: 1, term: 4, commit: 0, round: 1 })
  t.match(member.take('append-response'), [{ term: 5, accepted: false }])
  const leader = new TestMember({}).elect(2)
  const answer = { type: 'append-response', from: 3, to: 1, term: 5, accepted: false } as const
  leader.step({ ...answer, index: 0, hintIndex: 0, hintTerm: 0, hasLost: false })
  t.match(leader.core, { role: 'follower', term: 5 })
})

t.test('a member of priority 0 never stands, one of a lower priority stands later', async t => {
  t.equal(new TestMember({ settings: { priority: 0 } }).tick(20 * ELECTION).core.role, 'follower')
  const patient = new TestMember({ settings: { priority: 0.5 } }).tick(2 * ELECTION - 1)
  t.equal(patient.core.role, 'follower')
  t.equal(patient.tick(1).core.role, 'pre-candidate')
})

t.test('who knows of no group votes for nobody: it may have lost the vote that it gave', async t => {
  const empty = new TestMember({ voters: [] })
  const ask = { type: 'vote-request', from: 2, to: 1, isTransfer: false, lastIndex: 9, lastTerm: 2 } as const
  for (const pre of [true, false]) empty.step({ ...ask, term: 3, pre })
  t.match(empty.take('vote-response'), [{ granted: false }, { granted: false }])
})

t.test('who lost a part of its log is bound by all of it, and does not stand', async t => {
  const hardState = { term: 2, vote: 0, commit: 1, promised: { index: 5, term: 2 } }
  const member = new TestMember({ terms: [1, 1], hardState })
  t.equal(member.tick(30).core.role, 'follower')
  const ask = { type: 'vote-request', from: 2, to: 1, isTransfer: false, pre: false } as const
  member.take('vote-response')
  member.step({ ...ask, term: 3, lastIndex: 4, lastTerm: 2 })
  t.match(member.take('vote-response'), [{ granted: false }])
  member.step({ ...ask, term: 4, lastIndex: 5, lastTerm: 2 })
  t.match(member.take('vote-response'), [{ granted: true }])
  t.same(member.hardState.promised, { index: 5, term: 2 }, 'a restart remembers')
})

t.test('who lost a part of its log gets it again from the leader, and is free', async t => {
  const hardState = { term: 1, vote: 0, commit: 1, promised: { index: 5, term: 1 } }
  const member = new TestMember({ terms: [1, 1], hardState })
  member.step({ type: 'heartbeat', from: 2, to: 1, term: 1, commit: 5, round: 1 })
  t.equal(member.core.committed, 1, 'the leader does not know yet')
  t.match(member.take('append-response'), [{ accepted: false, hasLost: true, hintIndex: 2 }])
  const entries = [3, 4, 5].map(index => commandEntry(index, 1))
  member.step({ type: 'append', from: 2, to: 1, term: 1, prevIndex: 2, prevTerm: 1, entries, commit: 5 })
  t.match(member.take('append-response'), [{ accepted: true, index: 5, hasLost: false }])
  t.equal(member.core.committed, 5)
  t.equal(member.hardState.promised, undefined)
})

t.test('learners and strangers never stand', async t => {
  t.equal(new TestMember({ voters: [2, 3], learners: [1] }).tick(5 * ELECTION).core.role, 'follower')
  t.equal(new TestMember({ voters: [] }).tick(5 * ELECTION).core.role, 'follower')
})

t.test('leadership is handed over to a voter that has the whole log (thesis 3.10)', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  leader.core.propose(new Uint8Array(1))
  t.ok(leader.core.handOver(2))
  t.equal(leader.core.propose(new Uint8Array(1)), 'handing-over')
  group.settle()
  t.equal(group.of(2).core.role, 'leader')
  t.equal(leader.core.role, 'follower')
  t.equal(group.of(2).core.lastIndex, 3, 'its own first entry follows what was proposed')
})

t.test('a handover that does not happen is given up, and the leader takes proposals again', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.cut.add(2)
  t.ok(leader.core.handOver(2))
  t.notOk(leader.core.handOver(9), 'nobody to hand over to')
  group.tick(ELECTION, [1, 3])
  t.type(leader.core.propose(new Uint8Array(1)), 'number')
})

t.test('a member that knows its leader to be gone stands soon, if others have noticed too', async t => {
  const member = new TestMember({}).tick(1)
  const beat = { type: 'heartbeat', from: 2, to: 1, term: 1, commit: 0, round: 1 } as const
  member.step(beat)
  member.sent = []
  member.core.noteGone(3)
  member.tick(ELECTION / 2)
  t.same(member.take('vote-request'), [], 'it was not the leader')
  member.step(beat)
  const ask = { type: 'vote-request', from: 3, to: 1, term: 2, pre: true, lastIndex: 9, lastTerm: 1 } as const
  member.step({ ...ask, isTransfer: false })
  t.same(member.take('vote-response'), [], 'who hears the leader helps nobody')
  member.core.noteGone(2)
  member.step({ ...ask, isTransfer: false })
  t.match(member.take('vote-response'), [{ granted: true }])
  member.tick(ELECTION / 2)
  t.equal(member.core.role, 'pre-candidate')
  t.equal(member.take('vote-request').length, 2)
  const back = new TestMember({}).tick(1)
  back.step(beat)
  back.core.noteGone(2)
  back.step({ ...beat, round: 2 })
  back.sent = []
  back.tick(ELECTION - 1)
  t.same(back.take('vote-request'), [], 'a leader that is heard again is waited for')
})
