import fc from 'fast-check'
import t from 'tap'
import { isFsError } from '../base/errors.ts'
import { randomRuns } from '../testing/random-runs.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { type RaftMessage, tellMember } from './raft.ts'

const NUMBER = fc.maxSafeInteger().map(Math.abs)
const MEMBERS = fc.array(NUMBER, { maxLength: 5 })
const CONFIGURATION = fc.record({ voters: MEMBERS, learners: MEMBERS, outgoing: MEMBERS })
const ENTRY = fc.record({
  index: NUMBER,
  term: NUMBER,
  kind: fc.constantFrom('command', 'noop', 'configuration'),
  data: fc.uint8Array({ maxLength: 50 }).map(value => Buffer.from(value)),
  configuration: fc.option(CONFIGURATION, { nil: undefined }),
})
const ADDRESSED = { from: NUMBER, to: NUMBER, term: NUMBER }
const of = <T extends string>(type: T, fields: Record<string, fc.Arbitrary<unknown>>) =>
  fc.record({ type: fc.constant(type), ...ADDRESSED, ...fields })
const FLAG = fc.boolean()
const MESSAGE = fc.oneof(
  of('vote-request', { pre: FLAG, lastIndex: NUMBER, lastTerm: NUMBER, isTransfer: FLAG }),
  of('vote-response', { pre: FLAG, granted: FLAG }),
  of('append', {
    prevIndex: NUMBER,
    prevTerm: NUMBER,
    entries: fc.array(ENTRY, { maxLength: 6 }),
    commit: NUMBER,
  }),
  of('append-response', {
    accepted: FLAG,
    index: NUMBER,
    hintIndex: NUMBER,
    hintTerm: NUMBER,
    hasLost: FLAG,
  }),
  of('heartbeat', { commit: NUMBER, round: NUMBER }),
  of('heartbeat-response', { round: NUMBER }),
  of('snapshot', { snapshot: fc.record({ index: NUMBER, term: NUMBER, configuration: CONFIGURATION }) }),
  of('timeout-now', {}),
  of('read-request', { token: NUMBER }),
  of('read-response', { token: NUMBER, index: NUMBER }),
) as fc.Arbitrary<RaftMessage>

function encoded(message: RaftMessage): Buffer {
  const writer = new Writer()
  tellMember.request.encode(writer, { message })
  return writer.copy()
}

t.test('every message arrives as it was sent', async t => {
  fc.assert(
    fc.property(MESSAGE, message => {
      const found = tellMember.request.decode(new Reader(encoded(message))).message
      t.same(found, message, JSON.stringify(message))
    }),
    randomRuns(300),
  )
})

t.test('damaged bytes are refused by name or read as some message, and never hang', async t => {
  const harm = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
  let refused = 0
  fc.assert(
    fc.property(MESSAGE, harm, fc.nat(), (message, bytes, cut) => {
      const damaged = encoded(message)
      for (const [at, value] of bytes) damaged[at % damaged.length] = value
      const end = cut % 3 === 0 ? cut % damaged.length : damaged.length
      try {
        tellMember.request.decode(new Reader(damaged, 0, end))
      } catch (error) {
        if (!isFsError(error)) throw error
        refused += 1
      }
    }),
    randomRuns(2_000),
  )
  t.ok(refused > 100, `${refused} refused`)
})
