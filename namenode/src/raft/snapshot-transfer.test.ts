import { SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { makeConfiguration } from './configuration.ts'
import {
  type SnapshotChunk,
  type SnapshotOffer,
  type SnapshotProgress,
  SnapshotReceiving,
  SnapshotSending,
} from './snapshot-transfer.ts'

const SETTINGS = { chunkBytes: 10, windowBytes: 30, repeatTicks: 2, giveUpTicks: 9 }
const SNAPSHOT = { index: 7, term: 2, configuration: makeConfiguration([1, 2, 3]) }

function offerOf(bytes: number, number = 1, term = 2): SnapshotOffer {
  return { from: 1, number, term, snapshot: SNAPSHOT, bytes, crc: 0 }
}

function chunkOf(offer: SnapshotOffer, offset: number, length = 10): SnapshotChunk {
  return { type: 'snapshot-chunk', from: 1, to: 2, offer, offset, data: new Uint8Array(length) }
}

const allOf = (sending: SnapshotSending): number[] => {
  const offsets: number[] = []
  for (let range = sending.next(); range !== undefined; range = sending.next()) offsets.push(range.offset)
  return offsets
}

t.test('a sender keeps its window full, and goes on as the receiver stores', async t => {
  const sending = new SnapshotSending(2, offerOf(55), SETTINGS)
  t.same(allOf(sending), [0, 10, 20])
  const news = { type: 'snapshot-progress', from: 2, to: 1, number: 1 } as const
  sending.noteProgress({ ...news, offset: 20 })
  t.same(allOf(sending), [30, 40])
  sending.noteProgress({ ...news, number: 9, offset: 55 })
  t.equal(sending.state, 'open', 'another image says nothing')
  sending.noteProgress({ ...news, offset: 50 })
  t.same(sending.next(), { offset: 50, length: 5 })
  sending.noteProgress({ ...news, offset: 55 })
  t.equal(sending.state, 'done')
})

t.test('what is not answered is sent again from where the receiver is, and given up in the end', async t => {
  const sending = new SnapshotSending(2, offerOf(55), SETTINGS)
  allOf(sending)
  sending.noteProgress({ type: 'snapshot-progress', from: 2, to: 1, number: 1, offset: 10 })
  allOf(sending)
  sending.tick()
  t.same(allOf(sending), [])
  sending.tick()
  t.same(allOf(sending), [10, 20, 30])
  for (let i = 0; i < 7; i++) sending.tick()
  t.equal(sending.state, 'failed')
})

t.test('a chunk that was overtaken is sent again at once, not after a silence', async t => {
  // Simulator, seed 279 with 20 calls a second: a snapshot took longer than the quiet time.
  const sending = new SnapshotSending(2, offerOf(55), SETTINGS)
  t.same(allOf(sending), [0, 10, 20])
  const same = { type: 'snapshot-progress', from: 2, to: 1, number: 1, offset: 0 } as const
  sending.noteProgress(same)
  t.same(allOf(sending), [])
  sending.noteProgress(same)
  t.same(allOf(sending), [0, 10, 20])
  sending.noteProgress(same)
  t.same(allOf(sending), [], 'once')
})

t.test('a receiver takes chunks in their order, and tells the last byte when the core has it', async t => {
  const receiving = new SnapshotReceiving(2)
  const offer = offerOf(20)
  t.equal(receiving.accept(chunkOf(offer, 10)).kind, 'known')
  t.match(receiving.accept(chunkOf(offer, 0)), { kind: 'store', isNewImage: true, offset: 0 })
  t.equal(receiving.progressOf(offer).offset, 0, 'not durable yet')
  receiving.noteStored(10)
  t.equal(receiving.progressOf(offer).offset, 10)
  t.equal(receiving.accept(chunkOf(offer, 0)).kind, 'known', 'a repeat')
  t.match(receiving.accept(chunkOf(offer, 10)), { kind: 'store', isNewImage: false, offset: 10 })
  receiving.noteStored(20)
  t.ok(receiving.isComplete)
  t.equal(receiving.progressOf(offer).offset, 19)
  receiving.finish()
  t.equal(receiving.progressOf(offer).offset, 20)
  t.equal(receiving.accept(chunkOf(offer, 0)).kind, 'known', 'it is not received again')
})

t.test('a later image takes the place of an earlier one, never the other way round', async t => {
  const receiving = new SnapshotReceiving(2)
  receiving.accept(chunkOf(offerOf(20, 2), 0))
  t.equal(receiving.accept(chunkOf(offerOf(20, 1), 0)).kind, 'known')
  t.equal(receiving.accept(chunkOf(offerOf(20, 9, 1), 0)).kind, 'known', 'of an earlier term')
  t.match(receiving.accept(chunkOf(offerOf(20, 1, 3), 0)), { kind: 'store', isNewImage: true })
})

t.test('a restart goes on where the staging file ends; a wrong checksum begins anew', async t => {
  const offer = offerOf(20)
  const receiving = new SnapshotReceiving(2, { offer, offset: 10 })
  t.equal(receiving.progressOf(offer).offset, 10)
  t.match(receiving.accept(chunkOf(offer, 10)), { kind: 'store', offset: 10 })
  receiving.noteStored(20)
  receiving.startAgain()
  t.notOk(receiving.isComplete)
  t.match(receiving.accept(chunkOf(offer, 0)), { kind: 'store', isNewImage: true })
})

t.test('every byte gets there over a link that loses, repeats and reorders', async t => {
  for (let seed = 1; seed <= 50; seed++) {
    const chance = new SeededNumbers(seed)
    const bytes = 1 + chance.next(400)
    const image = Uint8Array.from({ length: bytes }, (_, i) => (i * 7 + seed) % 256)
    const offer = offerOf(bytes)
    const sending = new SnapshotSending(2, offer, { ...SETTINGS, giveUpTicks: 1000 })
    const receiving = new SnapshotReceiving(2)
    const staged = new Uint8Array(bytes)
    let chunks: SnapshotChunk[] = []
    let answers: SnapshotProgress[] = []
    for (let turn = 0; turn < 1000 && sending.state === 'open'; turn++) {
      for (let range = sending.next(); range !== undefined; range = sending.next()) {
        const { offset, length } = range
        chunks.push({ ...chunkOf(offer, offset), data: image.slice(offset, offset + length) })
      }
      for (const chunk of shuffled(chunks, chance)) {
        if (chance.next(4) === 0) continue
        const accepted = receiving.accept(chunk)
        if (accepted.kind === 'store') {
          staged.set(accepted.data, accepted.offset)
          receiving.noteStored(accepted.offset + accepted.data.length)
          if (receiving.isComplete) receiving.finish()
        }
        answers.push(receiving.progressOf(offer))
      }
      chunks = chance.next(3) === 0 ? chunks : []
      for (const answer of shuffled(answers, chance)) if (chance.next(4) > 0) sending.noteProgress(answer)
      answers = []
      sending.tick()
    }
    t.equal(sending.state, 'done', `seed ${seed}`)
    t.strictSame(staged, image)
  }
})

function shuffled<T>(items: readonly T[], chance: SeededNumbers): T[] {
  return items
    .map(item => ({ item, key: chance.next(1000) }))
    .sort((a, b) => a.key - b.key)
    .map(({ item }) => item)
}
