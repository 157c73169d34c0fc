import { setTimeout as sleep } from 'node:timers/promises'
import { RESERVE_DISK_BYTES, RESERVE_NAMES } from '@hopbine/common/protocol/directory-leases.ts'
import t from 'tap'
import { type Charge, chargeOf, QuotaRooms } from './quota-rooms.ts'

const ROOT = 7
const one = (names: number, diskBytes = 0): Charge => ({ quotaRoot: ROOT, names, diskBytes })
const ASKED = { names: RESERVE_NAMES, diskBytes: RESERVE_DISK_BYTES }

t.test('what adds nothing, and what no quota counts, is no charge', t => {
  t.equal(chargeOf(0, 5, 5), undefined)
  t.equal(chargeOf(ROOT, 0, -5), undefined)
  t.same(chargeOf(ROOT, 1, -5), one(1))
  t.end()
})

t.test('charges are taken off what was set aside until their batch is told of', t => {
  const rooms = new QuotaRooms()
  rooms.begun(ROOT, { names: 3, diskBytes: 100 })
  t.ok(rooms.fits(one(3, 100)))
  t.notOk(rooms.fits(one(4)))
  rooms.charge(one(2, 60))
  t.notOk(rooms.fits(one(2)))
  t.ok(rooms.fits(one(1, 100), { names: 0, diskBytes: 60 }), 'instead of what was charged')
  rooms.refund(one(2, 60))
  rooms.told([one(1, 40)], { names: 0, diskBytes: 0 })
  t.ok(rooms.fits(one(1, 40)))
  t.notOk(rooms.fits(one(2)))
  rooms.begun(ROOT, { names: 100, diskBytes: 100 })
  t.notOk(rooms.fits(one(2)), 'batches are newer than a grant')
  rooms.told([], { names: 0, diskBytes: 0 })
  t.notOk(rooms.fits(one(1)), 'nothing is set aside where no directory is held')
  t.end()
})

t.test('more is asked for when half is gone, on top of what is charged', t => {
  const rooms = new QuotaRooms()
  t.same(rooms.wanted, { names: 0, diskBytes: 0 })
  rooms.begun(ROOT, ASKED)
  t.same(rooms.wanted, { names: 0, diskBytes: 0 })
  const charged = RESERVE_NAMES / 2 + 1
  rooms.charge(one(charged))
  t.same(rooms.wanted, { names: RESERVE_NAMES + charged, diskBytes: RESERVE_DISK_BYTES })
  t.end()
})

t.test('where the namenode has little left it decides by itself for a while', async t => {
  const rooms = new QuotaRooms()
  rooms.begun(ROOT, { names: 1, diskBytes: 0 })
  t.notOk(rooms.isShort(one(2)))
  let isTold = false
  const waiting = rooms.until(one(2)).then(() => {
    isTold = true
  })
  t.ok(rooms.isWaitedFor)
  rooms.told([one(1)], { names: 0, diskBytes: 0 })
  await sleep(1)
  t.notOk(isTold, 'that batch had not asked')
  rooms.told([one(1)], ASKED)
  await waiting
  t.ok(rooms.isShort(one(2)))
  await sleep(250)
  t.notOk(rooms.isShort(one(2)))
  t.ok(rooms.isShort(one(RESERVE_NAMES)), 'so much is never done here')
  const enough = rooms.until(one(1))
  rooms.told([one(1)], ASKED)
  await enough
  t.notOk(rooms.isShort(one(2)), 'who waited got what he needs, if less than was asked for')
})

t.test('who waits hears that the namenode cannot be asked', async t => {
  const rooms = new QuotaRooms()
  const waiting = rooms.until(one(1))
  rooms.fail(new Error('away'))
  await t.rejects(waiting, { message: 'away' })
  const later = rooms.until(one(1))
  rooms.giveUp()
  await later
})
