import t from 'tap'
import { FsError } from '../base/errors.ts'
import { type Seed, ServerChoice } from './server-choice.ts'

const seed = (member: number): Seed => ({ address: { path: `/run/${member}` }, member })
const [a, b, c] = [seed(1), seed(2), seed(3)] as [Seed, Seed, Seed]
const notLeader = (details = {}): FsError => new FsError('NOT_LEADER', 'another leads', details)

t.test('a hint is followed, by number or by address', async t => {
  const choice = new ServerChoice([a, b, c])
  t.equal(choice.current, a)
  t.equal(choice.refused(a, notLeader({ leader: 3 }), 0), true)
  t.equal(choice.current, c)
  const [tcp] = [{ address: { host: 'one', port: 1 }, token: 'secret' }]
  const far = new ServerChoice([tcp])
  t.equal(far.refused(tcp, notLeader({ leader: 7, host: 'seven', port: 77 }), 0), true)
  t.same(far.current, { address: { host: 'seven', port: 77 }, member: 7, token: 'secret' })
})

t.test('without a hint the next one is asked, and one that failed is passed over for a while', async t => {
  const choice = new ServerChoice([a, b, c])
  choice.failed(a, 0)
  t.equal(choice.current, b)
  t.equal(choice.refused(b, notLeader({ leader: 0 }), 1), false)
  t.equal(choice.current, c)
  t.equal(choice.refused(c, notLeader({ leader: 1 }), 2), false, 'a hint at a dead leader is of no use')
  t.equal(choice.current, b)
  t.equal(choice.refused(b, notLeader(), 2_500), false)
  t.equal(choice.refused(c, notLeader(), 2_501), false)
  t.equal(choice.current, a, 'after a while it is asked again')
  choice.failed(a, 2_600)
  choice.failed(b, 2_600)
  choice.failed(c, 2_600)
  t.equal(choice.current, a, 'when all failed they take turns')
})

t.test('a late word about an earlier choice changes nothing', async t => {
  const choice = new ServerChoice([a, b, c])
  choice.failed(a, 0)
  t.equal(choice.refused(a, notLeader({ leader: 1 }), 1), true)
  t.equal(choice.current, b)
  choice.failed(a, 1)
  t.equal(choice.current, b)
})
