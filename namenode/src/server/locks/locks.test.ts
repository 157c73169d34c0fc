/** Locks of a served namenode, asked by sessions that behave as mounts do, and by some that do not. */
import { setTimeout as sleep } from 'node:timers/promises'
import { LOCK_END } from '@hopbine/common/locks/lock-pieces.ts'
import * as rpc from '@hopbine/common/protocol/locks.ts'
import { endSession } from '@hopbine/common/protocol/metadata.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import t, { type Test } from 'tap'
import { ServedNamenode } from '../testing/served-namenode.ts'

const { granted, refused, deadlock, delegated, cancelled } = rpc.LOCK_OUTCOME

type Piece = rpc.LockPieceMessage
type Claim = Parameters<typeof rpc.openLocks.request.encode>[1]['inodes'][number]

/** A session that asks for locks and, unless it is told to, decides none itself. */
class Asker {
  readonly client: RpcClient
  incarnation = 0
  readonly recalls: { inodeId: number; delegation: number }[] = []
  #number = 1

  constructor(client: RpcClient) {
    this.client = client
    client.listen(PUSH.recallLocks, payload => this.recalls.push(rpc.lockRecall.decode(payload)))
  }

  static async open(served: ServedNamenode, inodes: Claim[] = []): Promise<Asker> {
    const asker = new Asker(served.client())
    await asker.openAgain(inodes)
    return asker
  }

  async openAgain(inodes: Claim[]): Promise<number[]> {
    const { incarnation } = this
    const answer = await this.client.call(rpc.openLocks, { incarnation, inodes, opened: [] })
    this.incarnation = answer.incarnation
    return answer.lost
  }

  lock(inodeId: number, piece: Piece, { wait = false, delegate = false } = {}): Promise<rpc.LockAnswer> {
    const { incarnation } = this
    const number = this.#number++
    return this.client.call(rpc.lock, { incarnation, inodeId, piece, number, wait, delegate })
  }

  get lastNumber(): number {
    return this.#number - 1
  }

  unlock(inodeId: number, piece: Piece): Promise<rpc.LockAnswer> {
    return this.client.call(rpc.unlock, { incarnation: this.incarnation, inodeId, piece })
  }

  test(inodeId: number, piece: Piece): Promise<rpc.LockAnswer> {
    return this.client.call(rpc.testLock, { incarnation: this.incarnation, inodeId, piece })
  }

  async giveBack(inodeId: number, delegation: number, locks: Piece[]): Promise<void> {
    const { incarnation } = this
    await this.client.call(rpc.returnLocks, { incarnation, inodeId, delegation, locks })
  }

  async renew(): Promise<void> {
    await this.client.call(rpc.renewLocks, { incarnation: this.incarnation })
  }
}

function piece(owner: string, type: 'r' | 'w', start = 0, end = LOCK_END, kind = 0): Piece {
  return { kind, owner, type: type === 'r' ? 0 : 1, start, end, pid: 7 }
}

async function until(t: Test, what: string, holds: () => boolean): Promise<void> {
  for (let i = 0; i < 250 && !holds(); i++) await sleep(20)
  t.ok(holds(), what)
}

t.test('sessions exclude each other, wait in turn, and close no circle', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b] = [await Asker.open(served), await Asker.open(served)]
  t.match(await a.lock(5, piece('1', 'w', 0, 9)), { outcome: granted })
  t.match(await b.lock(5, piece('1', 'w', 10, 19)), { outcome: granted })
  t.match(await b.lock(5, piece('1', 'r', 5, 30)), {
    outcome: refused,
    conflict: { owner: '1', start: 0, end: 9, pid: 0 },
  })
  t.match(await a.test(5, piece('2', 'w', 0, 0)), { outcome: refused, conflict: { pid: 7 } })
  const waiting = a.lock(5, piece('1', 'w', 15, 15), { wait: true })
  await sleep(50)
  t.match(await b.lock(5, piece('1', 'w', 0, 0), { wait: true }), { outcome: deadlock })
  await b.unlock(5, piece('1', 'r', 12, 19))
  t.match(await waiting, { outcome: granted })
  t.match(await b.lock(5, piece('1', 'w', 0, 0, 1)), { outcome: granted }, 'a BSD lock is another matter')
})

t.test('a wait is given up by its number, and by the end of the session', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b, c] = [await Asker.open(served), await Asker.open(served), await Asker.open(served)]
  await a.lock(5, piece('1', 'w'))
  const waiting = b.lock(5, piece('1', 'w'), { wait: true })
  const number = b.lastNumber
  const patient = c.lock(5, piece('1', 'r'), { wait: true })
  await sleep(20)
  await b.client.call(rpc.cancelLock, { incarnation: b.incarnation, number })
  t.match(await waiting, { outcome: cancelled })
  await b.client.call(endSession, { clientId: a.client.clientId })
  t.match(await patient, { outcome: granted }, 'a session that was ended holds nothing')
  await t.rejects(a.renew(), { code: 'SESSION_EXPIRED' })
  t.same(await a.openAgain([{ inodeId: 5, delegation: 0, locks: [piece('1', 'w')] }]), [5])
})

t.test('a session alone decides by itself until another asks', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b] = [await Asker.open(served), await Asker.open(served)]
  await a.lock(5, piece('0', 'r'))
  const answer = await a.lock(5, piece('1', 'w', 0, 9), { delegate: true })
  t.match(answer, { outcome: delegated })
  t.match(await a.unlock(5, piece('1', 'w')), { outcome: delegated, delegation: answer.delegation })
  const asked = b.lock(5, piece('1', 'w', 0, 4))
  const other = b.lock(5, piece('2', 'w', 20, 24), { wait: true })
  await until(t, 'the recall comes', () => a.recalls.length > 0)
  t.same(a.recalls, [{ inodeId: 5, delegation: answer.delegation }])
  await a.giveBack(5, answer.delegation, [piece('1', 'w', 0, 9), piece('1', 'r', 10, 10)])
  t.match(await asked, { outcome: refused, conflict: { start: 0, end: 9 } })
  t.match(await other, { outcome: granted })
  t.match(
    await a.lock(5, piece('1', 'r', 50, 50), { delegate: true }),
    { outcome: granted },
    'not so soon again',
  )
})

t.test('who is silent for a term loses what it held and decided, and is told', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b] = [await Asker.open(served), await Asker.open(served)]
  await a.lock(5, piece('1', 'w'))
  t.match(await a.lock(6, piece('1', 'w'), { delegate: true }), { outcome: delegated })
  const started = performance.now()
  const renewing = setInterval(() => void b.renew(), 1_000)
  t.teardown(() => clearInterval(renewing))
  const answers = await Promise.all([5, 6].map(inode => b.lock(inode, piece('1', 'w'), { wait: true })))
  clearInterval(renewing)
  t.match(answers, [{ outcome: granted }, { outcome: granted }])
  const took = performance.now() - started
  t.ok(took > rpc.LOCK_TERM_MS - 1_000 && took < rpc.LOCK_TERM_MS + 3_000, `${took} ms`)
  await t.rejects(a.lock(7, piece('1', 'w')), { code: 'SESSION_EXPIRED' })
  t.same(await a.openAgain([{ inodeId: 5, delegation: 0, locks: [piece('1', 'w')] }]), [5])
})

t.test('after a restart sessions keep what they held, and others wait until they have said so', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b] = [await Asker.open(served), await Asker.open(served)]
  await a.lock(5, piece('1', 'w'))
  const own = await a.lock(6, piece('1', 'r'), { delegate: true })
  await served.stop()
  await served.start()
  t.same(await b.openAgain([]), [])
  const fast = b.lock(5, piece('1', 'w'))
  const patient = b.lock(9, piece('1', 'w'))
  await sleep(300)
  const claims = [
    { inodeId: 5, delegation: 0, locks: [piece('1', 'w')] },
    { inodeId: 6, delegation: own.delegation, locks: [] },
  ]
  t.same(await a.openAgain(claims), [])
  t.match(await fast, { outcome: refused })
  t.match(await patient, { outcome: granted })
  t.match(await a.lock(6, piece('1', 'w')), { outcome: delegated, delegation: own.delegation })
})

t.test('after a restart nobody waits when nobody had locks, and a stranger takes over none', async t => {
  const served = await ServedNamenode.start(t)
  const a = await Asker.open(served)
  await a.lock(5, piece('1', 'w'))
  await a.client.call(rpc.closeLocks, {})
  await served.stop()
  await served.start()
  const started = performance.now()
  const b = await Asker.open(served)
  t.match(await b.lock(5, piece('1', 'w')), { outcome: granted })
  t.ok(performance.now() - started < 2_000)
  t.same(await a.openAgain([{ inodeId: 5, delegation: 0, locks: [piece('1', 'w')] }]), [5])
})

t.test('who else has a file open is known while it is open', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b] = [await Asker.open(served), await Asker.open(served)]
  const declare = async (asker: Asker, opened: number[], closed: number[]): Promise<number[]> => {
    const request = { incarnation: asker.incarnation, opened, closed }
    return (await asker.client.call(rpc.declareOpens, request)).shared
  }
  t.same(await declare(a, [5, 6], []), [])
  t.same(await declare(b, [6, 7], []), [6])
  t.same(await declare(a, [], [6]), [])
  t.same(await declare(b, [6], []), [])
  await b.client.call(rpc.closeLocks, {})
  t.same(await declare(a, [7], []), [])
})

t.test('after an answer that nobody waited for the owner holds what it says', async t => {
  const served = await ServedNamenode.start(t)
  const [a, b] = [await Asker.open(served), await Asker.open(served)]
  await a.lock(5, piece('1', 'w', 0, 99))
  const locks = [piece('1', 'r', 10, 19), piece('1', 'w', 30, 39)]
  const request = { incarnation: a.incarnation, inodeId: 5, kind: 0, owner: '1', locks, cancel: [77] }
  await a.client.call(rpc.restoreLocks, request)
  for (const [wanted, outcome] of [
    [piece('1', 'w', 0, 9), granted],
    [piece('1', 'r', 10, 29), granted],
    [piece('1', 'w', 19, 19), refused],
    [piece('1', 'r', 39, 40), refused],
    [piece('1', 'w', 40), granted],
  ] as const) {
    t.match(await b.lock(5, wanted), { outcome })
  }
  await t.rejects(b.lock(5, piece('1', 'w', 5, 4)), { code: 'INVALID_ARGUMENT' })
  await t.rejects(b.lock(5, piece('', 'w')), { code: 'INVALID_ARGUMENT' })
})
