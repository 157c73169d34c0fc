import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { FIRST_STATE } from '../testing/test-replica.ts'
import { ChangeFeed } from './change-feed.ts'
import { type Db, openDatabase } from './database.ts'

const KEEP_ALL = { seconds: 10 ** 9, bytes: 10 ** 9 }
const change = (name: string) => ({ what: 'create', inodeId: 9, parentId: 1, name, kind: 1 })
const open = (): Db => openDatabase(':memory:', { cacheKiB: 64 }, FIRST_STATE)

t.test('events are told in order, those of one entry by part, written or not', async t => {
  const feed = new ChangeFeed(open(), KEEP_ALL)
  feed.add(5, 100, 7, 'ada', change('a'))
  feed.add(5, 100, 7, 'ada', change('b'))
  feed.flush()
  feed.add(8, 101, 0, 'bob', { ...change('c'), oldParentId: 3, oldName: 'x', size: 4 })
  t.match(feed.read(0, 10), [
    { index: 5, part: 0, seconds: 100, nanos: 7, name: 'a', user: 'ada', oldParentId: 0, oldName: '' },
    { index: 5, part: 1, name: 'b' },
    { index: 8, part: 0, name: 'c', user: 'bob', oldParentId: 3, oldName: 'x', size: 4 },
  ])
  t.equal(feed.read(6, 10).length, 1)
  t.equal(feed.read(9, 10).length, 0)
  t.equal(feed.oldest(99), 5)
})

t.test('an empty feed begins at what comes next', async t => {
  const feed = new ChangeFeed(open(), KEEP_ALL)
  t.equal(feed.oldest(12), 12)
  feed.flush()
  feed.add(12, 1, 0, 'ada', change('a'))
  t.equal(feed.oldest(13), 12)
})

t.test('old events go when they are too old or too many bytes, from the oldest on', async t => {
  const byTime = new ChangeFeed(open(), { seconds: 10, bytes: 10 ** 9 })
  for (let seconds = 1; seconds <= 20; seconds++) {
    byTime.add(seconds, seconds, 0, 'ada', change('a'))
    byTime.flush()
  }
  t.equal(byTime.oldest(0), 10)
  t.equal(byTime.read(0, 100).length, 11)
  const db = open()
  const byBytes = new ChangeFeed(db, { seconds: 10 ** 9, bytes: 1000 })
  for (let index = 1; index <= 100; index++) {
    byBytes.add(index, 1, 0, 'ada', change('x'.repeat(100)))
    byBytes.flush()
  }
  const bytes = db.prepare<[], number>('SELECT sum(length(events)) FROM change').pluck().get() ?? 0
  t.ok(bytes > 500 && bytes <= 1000, `${bytes} bytes`)
  t.equal(byBytes.read(0, 1000).at(-1)?.index, 100)
})

t.test('events after a restart count against the bounds too', async t => {
  const db = open()
  const keep = { seconds: 10 ** 9, bytes: 1000 }
  for (let index = 1; index <= 50; index++) {
    const feed = new ChangeFeed(db, keep)
    feed.add(index, 1, 0, 'ada', change('x'.repeat(100)))
    feed.flush()
  }
  t.ok((db.prepare<[], number>('SELECT sum(length(events)) FROM change').pluck().get() ?? 0) <= 1000)
})

t.test('any way of cutting into transactions and pages tells every event once, entries whole', async t => {
  const property = fc.property(
    fc.array(fc.tuple(fc.integer({ min: 1, max: 4 }), fc.boolean()), { maxLength: 30 }),
    fc.integer({ min: 1, max: 7 }),
    (entries, max) => {
      const feed = new ChangeFeed(open(), KEEP_ALL)
      const wanted: string[] = []
      entries.forEach(([parts, flush], i) => {
        for (let part = 0; part < parts; part++) {
          feed.add(i * 3, i, 0, 'ada', change('n'))
          wanted.push(`${i * 3}.${part}`)
        }
        if (flush) feed.flush()
      })
      const told: string[] = []
      for (let from = 0; ; ) {
        const events = feed.read(from, max)
        if (events.length === 0) break
        if (events.length > max + 3) throw new Error(`${events.length} events for ${max}`)
        told.push(...events.map(({ index, part }) => `${index}.${part}`))
        from = (events.at(-1)?.index ?? 0) + 1
      }
      if (`${told}` !== `${wanted}`) throw new Error(`${told} is not ${wanted}`)
    },
  )
  t.doesNotThrow(() => fc.assert(property, randomRuns(100)))
})
