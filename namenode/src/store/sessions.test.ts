import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { FIRST_STATE } from '../testing/test-replica.ts'
import { type Db, openDatabase } from './database.ts'
import { type Reply, Sessions } from './sessions.ts'

const open = (): Db => openDatabase(':memory:', { cacheKiB: 64 }, FIRST_STATE)
const reply = (text: string, failed = false): Reply => ({ failed, payload: Buffer.from(text) })
const A = 'a'.repeat(32)
const B = 'b'.repeat(32)

t.test('an answer is kept until the client says that it has it', async t => {
  const sessions = new Sessions(open())
  t.equal(sessions.recorded(A, 1), undefined)
  sessions.record(A, 1, 0, 10, reply('one'))
  sessions.record(A, 2, 1, 10, reply('two', true))
  t.match(sessions.recorded(A, 1), { failed: false, payload: Buffer.from('one') })
  t.match(sessions.recorded(A, 2), { failed: true })
  t.equal(sessions.recorded(A, 3), undefined)
  t.equal(sessions.recorded(B, 1), undefined)
  sessions.record(A, 3, 1, 10, reply('three'))
  const refusal = { code: 'SESSION_EXPIRED', details: { sequence: 1 } }
  t.throws(() => sessions.recorded(A, 1), refusal)
  t.ok(sessions.recorded(A, 2))
  sessions.record(A, 9, 0, 10, reply('nine'))
  for (const gone of [2, 3, 4, 8]) t.throws(() => sessions.recorded(A, gone), { code: 'SESSION_EXPIRED' })
  t.equal(sessions.recorded(A, 10), undefined)
})

t.test('a client that never says so keeps a bounded number; the lowest go first', async t => {
  const sessions = new Sessions(open())
  for (let sequence = 1; sequence <= 8200; sequence++) {
    sessions.record(A, sequence, sequence - 1, 10, reply(`${sequence}`))
  }
  t.throws(() => sessions.recorded(A, 8), { code: 'SESSION_EXPIRED' })
  t.ok(sessions.recorded(A, 9))
  t.ok(sessions.recorded(A, 8200))
})

t.test('a file has one holder', async t => {
  const sessions = new Sessions(open())
  sessions.grant(A, 7, true)
  sessions.grant(A, 5, true)
  sessions.grant(B, 6, true)
  t.equal(sessions.holderOf(7), A)
  t.equal(sessions.holderOf(8), '')
  t.same(sessions.openInodes(A), [5, 7])
  t.same(sessions.holders(), [A, B])
  t.equal(sessions.openFiles, 3)
  sessions.release(7)
  sessions.release(7)
  t.equal(sessions.holderOf(7), '')
  t.same(sessions.openInodes(A), [5])
  t.same(sessions.openInodes('nobody'), [])
})

t.test('only while it is certain that an open file has no block does nobody look for one', async t => {
  const sessions = new Sessions(open())
  sessions.grant(A, 7, false)
  t.equal(sessions.mayHaveBlocks(7), false)
  sessions.blockAdded(7)
  t.equal(sessions.mayHaveBlocks(7), true)
  sessions.blockAdded(8)
  t.equal(sessions.mayHaveBlocks(8), true)
  sessions.grant(A, 9, true)
  t.equal(sessions.mayHaveBlocks(9), true)
})

t.test('only sessions without leases expire, and only when they are silent still', async t => {
  const sessions = new Sessions(open())
  sessions.record(A, 1, 0, 10, reply(''))
  sessions.record(B, 1, 0, 20, reply(''))
  t.same(sessions.idleSince(10, 5), [A])
  t.same(sessions.idleSince(20, 5), [A, B])
  sessions.grant(A, 7, true)
  t.same(sessions.idleSince(20, 5), [B])
  sessions.expire(A, 20)
  sessions.expire(B, 19)
  t.equal(sessions.count, 2)
  sessions.release(7)
  sessions.expire(A, 20)
  t.equal(sessions.count, 1)
  sessions.flush()
})

const step = fc.record({
  what: fc.constantFrom('record', 'record', 'grant', 'release', 'expire', 'restart', 'flush'),
  client: fc.constantFrom(A, B),
  sequence: fc.integer({ min: 1, max: 12 }),
  behind: fc.nat(4),
  inode: fc.nat(4),
})

t.test('any history is the same after a restart', async t => {
  const property = fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const db = open()
    let sessions = new Sessions(db)
    const facts = (of: Sessions): string => {
      const replies = [A, B].map(client =>
        Array.from({ length: 13 }, (_, sequence) => {
          try {
            return of.recorded(client, sequence)?.payload.toString() ?? ''
          } catch (error) {
            return (error as Error).message
          }
        }),
      )
      return JSON.stringify([replies, of.holders(), of.openInodes(A), of.openInodes(B), of.idleSince(99, 9)])
    }
    for (const { what, client, sequence, behind, inode } of steps) {
      if (what === 'record') sessions.record(client, sequence, behind, sequence, reply(`${sequence}`))
      if (what === 'grant' && sessions.holderOf(inode) === '') sessions.grant(client, inode, true)
      if (what === 'release') sessions.release(inode)
      if (what === 'expire') sessions.expire(client, sequence)
      if (what === 'flush') sessions.flush()
      if (what !== 'restart') continue
      const before = facts(sessions)
      sessions.flush()
      sessions = new Sessions(db)
      if (facts(sessions) !== before) throw new Error(`${facts(sessions)} was ${before}`)
    }
  })
  t.doesNotThrow(() => fc.assert(property, randomRuns(150)))
})
