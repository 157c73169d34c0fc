import t from 'tap'
import { TestGroup, TestMember } from './testing/test-group.ts'

const stored = {
  type: 'append-response',
  to: 1,
  term: 1,
  accepted: true,
  hintIndex: 0,
  hintTerm: 0,
  hasLost: false,
} as const
const heard = { type: 'heartbeat-response', to: 1, term: 1 } as const
const bytes = new Uint8Array(1)
const readsOf = (member: TestMember): Array<[number, number]> =>
  member.readys
    .splice(0)
    .flatMap(({ reads }) => reads.map(({ token, index }) => [token, index] as [number, number]))

function leaderOf(settings: ConstructorParameters<typeof TestMember>[0]['settings'] = {}): TestMember {
  const leader = new TestMember({ settings }).elect(2)
  leader.step({ ...stored, from: 2, index: 1 })
  leader.sent = []
  leader.readys.length = 0
  return leader
}

t.test('a read waits for a quorum that answers heartbeats sent after it came (thesis 6.4)', async t => {
  const leader = leaderOf()
  t.equal(leader.core.read(7, 0), undefined)
  leader.settle()
  const [heartbeat] = leader.take('heartbeat')
  t.same(readsOf(leader), [])
  leader.core.read(8, 0)
  leader.step({ ...heard, from: 3, round: (heartbeat?.round ?? 0) - 1 })
  t.same(readsOf(leader), [], 'an earlier round says nothing')
  leader.step({ ...heard, from: 3, round: heartbeat?.round ?? 0 })
  t.same(readsOf(leader), [[7, 1]], 'the later read waits for the next round')
  const [next] = leader.take('heartbeat')
  leader.step({ ...heard, from: 2, round: next?.round ?? 0 })
  t.same(readsOf(leader), [[8, 1]])
})

t.test('reads that come while a round is under way share the next', async t => {
  const leader = leaderOf()
  leader.core.read(1, 0)
  leader.settle()
  const [first] = leader.take('heartbeat')
  for (const token of [2, 3, 4]) leader.core.read(token, 0)
  leader.settle()
  t.same(leader.take('heartbeat'), [])
  leader.step({ ...heard, from: 2, round: first?.round ?? 0 })
  const seconds = leader.take('heartbeat')
  t.equal(seconds.length, 2, 'one a member')
  leader.step({ ...heard, from: 2, round: seconds[0]?.round ?? 0 })
  t.same(
    readsOf(leader).map(([token]) => token),
    [1, 2, 3, 4],
  )
})

t.test('a new leader serves no read before an entry of its term is committed', async t => {
  const leader = new TestMember({ terms: [1] }).elect(2)
  leader.core.read(1, 0)
  leader.settle()
  leader.tick(1)
  const round = leader.take('heartbeat').at(-1)?.round ?? 0
  for (const from of [2, 3]) leader.step({ ...heard, from, term: 2, round })
  t.same(readsOf(leader), [])
  leader.step({ ...stored, from: 2, term: 2, index: 2 })
  const next = leader.take('heartbeat').at(-1)?.round ?? 0
  leader.step({ ...heard, from: 2, term: 2, round: next })
  t.same(readsOf(leader), [[1, 2]])
})

t.test('a lone voter confirms its reads at once', async t => {
  const member = new TestMember({ voters: [1] })
  member.core.campaign()
  member.settle()
  member.core.read(1, 0)
  member.settle()
  t.same(readsOf(member), [[1, 1]])
})

t.test('a follower asks the leader for the index of its read', async t => {
  const group = new TestGroup([1, 2, 3])
  group.elect(1)
  const follower = group.of(2)
  follower.readys.length = 0
  follower.core.read(5, 0)
  group.settle()
  t.same(readsOf(follower), [[5, 1]])
  t.equal(new TestMember({}).core.read(1, 0), 'not-leader')
})

t.test('reads of a leader that falls are dropped, so that their callers ask again', async t => {
  const leader = leaderOf()
  leader.core.read(1, 0)
  leader.settle()
  leader.step({ type: 'heartbeat', from: 2, to: 1, term: 2, commit: 1, round: 1 })
  t.same(
    leader.readys.flatMap(({ droppedReads }) => droppedReads),
    [1],
  )
})

t.test('more reads than the bound are refused', async t => {
  const leader = leaderOf({ readsMax: 2 })
  t.same(
    [1, 2, 3].map(token => leader.core.read(token, 0)),
    [undefined, undefined, 'full'],
  )
})

t.test('a lease serves reads until it ends on the clock, counted from the start of the round', async t => {
  const leader = leaderOf({ leaseMs: 300 })
  leader.tick(1)
  const begunMs = leader.nowMs
  const round = leader.take('heartbeat').at(-1)?.round ?? 0
  leader.step({ ...heard, from: 2, round })
  leader.core.read(1, begunMs + 299)
  t.same(readsOf(leader.settle()), [[1, 1]])
  leader.core.read(2, begunMs + 300)
  t.same(readsOf(leader.settle()), [], 'it ended, whatever the ticks say')
})

t.test('a leader that asked another to stand has no lease any more', async t => {
  const leader = leaderOf({ leaseMs: 300 })
  leader.tick(1)
  const round = leader.take('heartbeat').at(-1)?.round ?? 0
  leader.step({ ...heard, from: 2, round })
  leader.core.handOver(2)
  leader.core.read(1, leader.nowMs)
  t.same(readsOf(leader.settle()), [])
})

t.test('a turn without reads or proposals sends nothing', async t => {
  const leader = leaderOf()
  leader.settle()
  t.same(leader.sent, [])
  leader.core.propose(bytes)
  const ready = leader.core.ready()
  t.ok(ready)
  leader.core.read(1, 0)
  t.same(ready?.reads, [], 'a Ready that was given out does not change')
})
