import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { inParallel } from './parallel.ts'
import { Serial } from './serial.ts'

t.test('no more than the given number of things are worked on at a time', async t => {
  let running = 0
  let most = 0
  const done: number[] = []
  await inParallel(
    Array.from({ length: 20 }, (_, i) => i),
    3,
    async item => {
      running += 1
      most = Math.max(most, running)
      await sleep(1)
      running -= 1
      done.push(item)
    },
  )
  t.equal(most, 3)
  t.equal(done.length, 20)
})

t.test('after a failure nothing new starts, and it is thrown when all has ended', async t => {
  let started = 0
  let ended = 0
  const work = inParallel(
    Array.from({ length: 20 }, (_, i) => i),
    2,
    async item => {
      started += 1
      await sleep(item === 0 ? 1 : 5)
      ended += 1
      if (item === 0) throw new Error('no')
    },
  )
  await t.rejects(work, { message: 'no' })
  t.equal(started, 2)
  t.equal(ended, 2)
})

t.test('serial work keeps its order, also behind a failure', async t => {
  const serial = new Serial()
  const order: number[] = []
  const first = serial.run(async () => {
    await sleep(5)
    order.push(1)
    throw new Error('no')
  })
  const second = serial.run(async () => order.push(2))
  await t.rejects(first, { message: 'no' })
  await second
  t.same(order, [1, 2])
})
