import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import type { Entry } from './messages.ts'
import { RaftLog, upToBytes } from './raft-log.ts'
import { TermRuns } from './term-runs.ts'
import { commandEntry } from './testing/test-group.ts'

const EMPTY = { baseIndex: 0, baseTerm: 0, runs: [], lastIndex: 0 }

function logOf(terms: readonly number[]): RaftLog {
  const log = new RaftLog(EMPTY, { read: () => undefined }, 0)
  for (const [i, term] of terms.entries()) log.append(commandEntry(i + 1, term))
  return log
}

t.test('term runs answer like a plain list of terms, whatever was done to them', async t => {
  const step = fc.oneof(
    fc.record({ kind: fc.constant('append' as const), rise: fc.nat(2) }),
    fc.record({ kind: fc.constant('truncate' as const), at: fc.nat(20) }),
    fc.record({ kind: fc.constant('compact' as const), at: fc.nat(20) }),
  )
  const property = fc.property(fc.array(step, { maxLength: 40 }), steps => {
    const runs = new TermRuns(EMPTY)
    let terms = [0]
    let base = 0
    for (const step of steps) {
      if (step.kind === 'append') {
        const term = Math.max(1, (terms.at(-1) as number) + step.rise)
        runs.append(terms.length, term)
        terms.push(term)
      } else if (step.kind === 'truncate' && step.at > base && step.at < terms.length) {
        runs.truncate(step.at)
        terms = terms.slice(0, step.at)
      } else if (step.kind === 'compact' && step.at < terms.length) {
        runs.compact(step.at)
        base = Math.max(base, step.at)
      }
      for (let index = 0; index <= terms.length; index++) {
        const wanted = index < base ? undefined : terms[index]
        if (runs.at(index) !== wanted) throw new Error(`at ${index}: ${runs.at(index)}, not ${wanted}`)
        for (const term of [0, 1, 3, 9]) {
          let last = Math.min(index, terms.length - 1)
          while (last > base && (terms[last] as number) > term) last -= 1
          if (runs.lastWithin(index, term) !== last) throw new Error(`within ${index} ${term}`)
        }
      }
      if (runs.lastIndex !== terms.length - 1 || runs.lastTerm !== terms.at(-1)) throw new Error('end')
    }
  })
  fc.assert(property, randomRuns(300))
  t.pass()
})

t.test('a log is outdone by a later last term, or by the same and no fewer entries (5.4.1)', async t => {
  const log = logOf([1, 2, 2])
  t.ok(log.isOutdone(3, 2))
  t.ok(log.isOutdone(1, 3))
  t.notOk(log.isOutdone(2, 2))
  t.notOk(log.isOutdone(9, 1))
})

t.test('entries are handed out once, and kept until they are stored', async t => {
  const log = logOf([1, 1])
  t.same(indexes(log.takeUnhanded()), [1, 2])
  t.same(log.takeUnhanded(), [])
  const mark = log.handedOut
  log.append(commandEntry(3, 1))
  t.equal(log.savedIndex, 0)
  log.markSaved(mark)
  t.equal(log.savedIndex, 2)
  t.same(indexes(log.takeUnhanded()), [3])
  t.same(indexes(log.read(3, 100) ?? []), [3])
  t.equal(log.read(1, 100), undefined, 'stored entries come from the reader')
})

t.test('a report of a write from before a rewrite stores nothing', async t => {
  const log = logOf([1, 1, 1])
  log.takeUnhanded()
  const before = log.handedOut
  log.truncate(3)
  log.append(commandEntry(3, 2))
  t.same(indexes(log.takeUnhanded()), [1, 2, 3].slice(2))
  log.truncate(3)
  log.append(commandEntry(3, 3))
  log.markSaved(before)
  t.equal(log.savedIndex, 0)
  log.takeUnhanded()
  log.markSaved(log.handedOut)
  t.equal(log.savedIndex, 3)
})

t.test('what is committed is applied when it is stored, and never taken back', async t => {
  const log = logOf([1, 1])
  log.takeUnhanded()
  log.commitTo(2)
  t.equal(log.appliable, 0)
  log.markSaved(log.handedOut)
  t.equal(log.appliable, 2)
  t.throws(() => log.truncate(2), { message: /committed: it stays/ })
  t.throws(() => log.commitTo(3), { message: /only entries that exist/ })
  t.throws(() => log.append(commandEntry(4, 1)), { message: /no gap/ })
  t.throws(() => log.append(commandEntry(3, 0)), { message: /never go back/ })
})

t.test('a snapshot starts the log anew behind it', async t => {
  const log = logOf([1, 1])
  log.restore({ index: 9, term: 4, configuration: { voters: [1], outgoing: [], learners: [] } })
  t.match(log, { lastIndex: 9, lastTerm: 4, committed: 9, savedIndex: 9 })
  t.equal(log.termAt(2), undefined)
  t.equal(log.termAt(9), 4)
})

t.test('a message takes at least one entry, and no more than fit', async t => {
  const entries = [1, 2, 3].map(index => commandEntry(index, 1, 'x'.repeat(10)))
  t.same(indexes(upToBytes(entries, 0, 1)), [1])
  t.same(indexes(upToBytes(entries, 0, 20)), [1, 2])
  t.same(indexes(upToBytes(entries, 1, 100)), [2, 3])
})

const indexes = (entries: readonly Entry[]): number[] => entries.map(({ index }) => index)
