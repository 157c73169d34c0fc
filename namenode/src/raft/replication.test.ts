import t from 'tap'
import { commandEntry, TestGroup, TestMember } from './testing/test-group.ts'

const append = { type: 'append', from: 2, to: 1, term: 3 } as const
const bytes = (count: number): Uint8Array => new Uint8Array(count)
const accepted = (member: TestMember): Array<[boolean, number]> =>
  member.take('append-response').map(({ accepted, index }) => [accepted, index])

t.test('a follower takes what follows a place where the logs agree (5.3)', async t => {
  const member = new TestMember({ terms: [1, 1, 2] })
  member.step({ ...append, prevIndex: 3, prevTerm: 2, entries: [commandEntry(4, 3)], commit: 2 })
  t.same(accepted(member), [[true, 4]])
  t.same(member.terms, [1, 1, 2, 3])
  t.equal(member.core.committed, 2)
})

t.test('a refusal passes over all entries of later terms, and one more brings the rest (5.3)', async t => {
  const member = new TestMember({ terms: [1, 1, 2, 2, 2] })
  member.step({ ...append, prevIndex: 5, prevTerm: 1, entries: [], commit: 0 })
  t.match(member.take('append-response'), [{ accepted: false, index: 5, hintIndex: 2, hintTerm: 1 }])
  member.step({ ...append, prevIndex: 9, prevTerm: 3, entries: [], commit: 0 })
  t.match(member.take('append-response'), [{ accepted: false, index: 9, hintIndex: 5, hintTerm: 2 }])
})

t.test('only a conflict takes entries away, and only from there on', async t => {
  const member = new TestMember({ terms: [1, 1, 2] })
  const old = [commandEntry(2, 1), commandEntry(3, 2)]
  member.step({ ...append, prevIndex: 1, prevTerm: 1, entries: old.slice(0, 1), commit: 0 })
  t.same(accepted(member), [[true, 2]], 'an old message says what it brought')
  t.same(member.terms, [1, 1, 2], 'and undoes nothing')
  member.step({ ...append, prevIndex: 1, prevTerm: 1, entries: [commandEntry(2, 3)], commit: 0 })
  t.same(member.terms, [1, 3])
})

t.test('a follower commits no further than the leader vouched for (figure 2, rule 5)', async t => {
  const member = new TestMember({ terms: [1, 1, 2, 2] })
  member.step({ ...append, prevIndex: 2, prevTerm: 1, entries: [], commit: 4 })
  t.equal(member.core.committed, 2)
})

t.test('an append below the commit index is answered with it', async t => {
  const member = new TestMember({ terms: [1, 1, 1], hardState: { term: 1, vote: 0, commit: 3 } })
  member.step({ ...append, prevIndex: 1, prevTerm: 9, entries: [commandEntry(2, 9)], commit: 1 })
  t.same(accepted(member), [[true, 3]])
})

t.test('what is accepted is answered only when it is stored', async t => {
  const member = new TestMember({})
  member.isDiskStuck = true
  member.step({ ...append, prevIndex: 0, prevTerm: 0, entries: [commandEntry(1, 3)], commit: 1 })
  t.same(member.sent, [])
  t.equal(member.readys.at(-1)?.committed, 0, 'nor applied')
  member.save()
  t.same(accepted(member), [[true, 1]])
  member.settle()
  t.equal(member.readys.at(-1)?.committed, 1)
})

t.test('a leader begins its term with an entry of its own, and sends while its disk writes', async t => {
  const leader = new TestMember({ terms: [1] })
  leader.elect(2)
  t.same(leader.terms, [1, 2])
  leader.isDiskStuck = true
  leader.step({ ...answer, from: 2, index: 2, term: 2 })
  leader.sent = []
  leader.core.propose(bytes(3))
  leader.settle()
  t.match(leader.take('append').find(({ to }) => to === 2)?.entries, [{ index: 3, term: 2 }])
  leader.step({ ...answer, from: 3, index: 3, term: 2 })
  leader.step({ ...answer, from: 2, index: 3, term: 2 })
  t.equal(leader.core.committed, 3, 'two others are a quorum, although the own disk still writes')
  t.equal(leader.readys.at(-1)?.committed, 2, 'but it is not applied here')
})

const answer = {
  type: 'append-response',
  to: 1,
  accepted: true,
  hintIndex: 0,
  hintTerm: 0,
  hasLost: false,
} as const

t.test('entries of earlier terms are committed only by one of the own term (5.4.2, figure 8)', async t => {
  const leader = new TestMember({ terms: [1, 2, 2], settings: { messageBytesMax: 1 } }).elect(2)
  t.equal(leader.core.term, 3)
  leader.step({ ...answer, from: 2, index: 3, term: 3 })
  t.equal(leader.core.committed, 0, 'a majority has it, but another leader could still undo it')
  leader.step({ ...answer, from: 2, index: 4, term: 3 })
  t.equal(leader.core.committed, 4)
})

t.test('the window bounds messages and bytes under way, one probe goes out at a time', async t => {
  const settings = { inFlightMessagesMax: 2, messageBytesMax: 10, inFlightBytesMax: 1000 }
  const leader = new TestMember({ settings }).elect(2)
  for (let i = 0; i < 5; i++) leader.core.propose(bytes(10))
  leader.settle()
  t.same(leader.take('append'), [], 'the probe with the first entry was not answered yet')
  leader.step({ ...answer, from: 2, index: 1, term: 1 })
  t.same(
    leader.take('append').map(({ entries }) => entries.map(({ index }) => index)),
    [[2], [3]],
  )
  leader.step({ ...answer, from: 2, index: 2, term: 1 })
  t.match(
    leader
      .take('append')
      .map(({ entries }) => entries[0]?.index)
      .filter(Boolean),
    [4],
  )
})

t.test('all that one turn proposes leaves in one message', async t => {
  const leader = new TestMember({}).elect(2)
  leader.step({ ...answer, from: 2, index: 1, term: 1 })
  leader.sent = []
  for (let i = 0; i < 20; i++) leader.core.propose(bytes(10))
  leader.settle()
  t.same(
    leader.take('append').map(({ to, entries }) => [to, entries.length]),
    [[2, 20]],
  )
})

t.test('a lost message is noticed by the answer to a heartbeat', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.cut.add(3)
  leader.core.propose(bytes(1))
  group.settle()
  group.cut.clear()
  t.equal(group.of(3).core.lastIndex, 1)
  group.tick(2, [1])
  t.equal(group.of(3).core.lastIndex, 2)
})

t.test('a follower with a long wrong end is brought right', async t => {
  const group = new TestGroup([1, 2, 3])
  const wrong = new TestMember({ id: 3, terms: [1, 1, 2, 2, 2, 2, 2] })
  group.members.set(3, wrong)
  for (const id of [1, 2]) group.members.set(id, new TestMember({ id, terms: [1, 1, 3, 3] }))
  group.elect(1)
  group.tick(3, [1])
  t.same(wrong.terms, [1, 1, 3, 3, 4])
  t.equal(wrong.core.committed, 5)
})

t.test('proposals beyond the bound of uncommitted bytes are refused, a single larger one is not', async t => {
  const leader = new TestMember({ settings: { uncommittedBytesMax: 100 } }).elect(2)
  t.equal(leader.core.propose(bytes(500)), 2)
  t.equal(leader.core.propose(bytes(1)), 'full')
  leader.settle()
  leader.step({ ...answer, from: 2, index: 2, term: 1 })
  t.equal(leader.core.propose(bytes(100)), 3)
  t.equal(new TestMember({}).core.propose(bytes(1)), 'not-leader')
})

t.test('a follower that needs what was compacted gets a snapshot, then the rest (section 7)', async t => {
  const group = new TestGroup([1, 2, 3])
  const leader = group.elect(1)
  group.cut.add(3)
  for (let i = 0; i < 5; i++) leader.core.propose(bytes(1))
  group.settle()
  t.equal(leader.core.committed, 6)
  leader.core.compact(5)
  leader.core.propose(bytes(1))
  group.settle()
  group.cut.clear()
  group.tick(3, [1])
  const { readys } = group.of(3)
  t.match(readys.find(({ snapshot }) => snapshot !== undefined)?.snapshot, { index: 5, term: 1 })
  t.equal(group.of(3).core.committed, 7)
})

t.test('a snapshot of what the log holds already keeps the log', async t => {
  const member = new TestMember({ terms: [1, 1, 1] })
  const snapshot = { index: 2, term: 1, configuration: { voters: [1, 2, 3], outgoing: [], learners: [] } }
  member.step({ type: 'snapshot', from: 2, to: 1, term: 1, snapshot })
  t.match(member.core, { committed: 2, lastIndex: 3 })
  t.same(accepted(member), [[true, 2]])
  t.equal(member.readys.at(-1)?.snapshot, undefined)
})

t.test('a snapshot that did not get there is sent again', async t => {
  const leader = new TestMember({}).elect(2)
  leader.step({ ...answer, from: 2, index: 1, term: 1 })
  for (let i = 0; i < 3; i++) leader.core.propose(bytes(1))
  leader.settle()
  leader.step({ ...answer, from: 2, index: 4, term: 1 })
  leader.core.compact(4)
  leader.sent = []
  const refusal = { ...answer, accepted: false, from: 3, index: 0, term: 1 }
  leader.step({ type: 'heartbeat-response', from: 3, to: 1, term: 1, round: 1 }, refusal)
  t.equal(leader.take('snapshot').length, 1)
  leader.tick(3)
  t.equal(leader.take('snapshot').length, 0)
  leader.core.reportSnapshot(3, false)
  t.equal(leader.settle().take('snapshot').length, 1)
})

t.test('a compacted log keeps the tail that short outages need', async t => {
  const leader = new TestMember({ settings: { keptEntries: 3 } }).elect(2)
  for (let i = 0; i < 9; i++) leader.core.propose(new Uint8Array(1))
  leader.settle()
  const answer = { type: 'append-response', from: 2, to: 1, term: 1, accepted: true } as const
  leader.step({ ...answer, index: 10, hintIndex: 0, hintTerm: 0, hasLost: false })
  t.equal(leader.core.appliable, 10)
  t.equal(leader.core.compact(9), 7, 'the last three stay')
  t.equal(leader.core.compact(5), 7, 'never back')
})

t.test('a leader whose disk does not answer steps down, and does not stand until it does', async t => {
  const leader = new TestMember({ settings: { diskTicks: 5 } }).elect(2)
  leader.isDiskStuck = true
  leader.core.propose(new Uint8Array(1))
  leader.settle()
  const alive = { type: 'heartbeat-response', from: 2, to: 1, term: 1, round: 0 } as const
  for (let i = 0; i < 4; i++) leader.tick(1).step(alive)
  t.equal(leader.core.role, 'leader')
  leader.tick(1)
  t.equal(leader.core.role, 'follower')
  t.ok(leader.core.isDiskStalled)
  leader.tick(50)
  t.equal(leader.core.role, 'follower')
  leader.isDiskStuck = false
  leader.save()
  t.notOk(leader.core.isDiskStalled)
  leader.tick(20)
  t.equal(leader.core.role, 'pre-candidate')
})

t.test('a leader takes it back when a follower lost what it acknowledged, and sends it again', async t => {
  const leader = new TestMember({}).elect(2)
  for (let i = 0; i < 4; i++) leader.core.propose(new Uint8Array(1))
  leader.settle()
  const stored = { ...answer, from: 2, term: 1 } as const
  leader.step({ ...stored, index: 1 }, { ...stored, index: 5 })
  t.equal(leader.core.matchedOf(2), 5)
  leader.sent = []
  leader.step({ ...stored, accepted: false, index: 0, hintIndex: 2, hintTerm: 1, hasLost: true })
  t.equal(leader.core.matchedOf(2), 2)
  t.match(leader.take('append'), [{ to: 2, prevIndex: 2 }])
  t.equal(leader.core.committed, 5, 'what is committed stays so')
  leader.step({ ...stored, index: 5 })
  t.equal(leader.core.matchedOf(2), 5)
})
