import t from 'tap'
import { INTEREST, InterestNotes } from './interest-notes.ts'

const { entries, attributes, listed } = INTEREST

t.test('bits are remembered for the period at least, and for twice as long at most', async t => {
  for (let at = 0; at < 1_000; at += 37) {
    const notes = new InterestNotes(1_000, 0)
    // Other notes keep it turning.
    for (let now = 0; now <= 5_000; now += 100) {
      notes.note(99, entries, now)
      if (now === Math.floor(at / 100) * 100) notes.note(7, attributes, at)
      if (now > at && now < at + 1_000) t.ok(notes.has(7, attributes, now), `${at} at ${now}`)
      if (now >= at + 2_000) t.notOk(notes.has(7, attributes, now), `${at} at ${now}`)
    }
  }
})

t.test('after a long silence nothing is left', async t => {
  const notes = new InterestNotes(1_000, 0)
  notes.note(7, attributes, 900)
  t.ok(notes.has(7, attributes, 1_899))
  t.notOk(notes.has(7, attributes, 60_000))
})

t.test('bits of one inode add up and are told apart', async t => {
  const notes = new InterestNotes(1_000, 0)
  notes.note(7, attributes, 0)
  notes.note(7, listed, 10)
  t.ok(notes.has(7, attributes, 20))
  t.ok(notes.has(7, listed | entries, 20))
  t.notOk(notes.has(7, entries, 20))
  t.notOk(notes.has(8, attributes, 20))
})

t.test('more inodes than there is room for: everything counts as told, for as long', async t => {
  const notes = new InterestNotes(1_000, 0, 10)
  for (let id = 0; id < 10; id++) notes.note(id, entries, 0)
  t.notOk(notes.has(10, entries, 1))
  notes.note(10, entries, 500)
  t.ok(notes.has(10, entries, 600))
  t.ok(notes.has(12_345, attributes, 1_400))
  t.notOk(notes.has(12_345, attributes, 2_600))
})
