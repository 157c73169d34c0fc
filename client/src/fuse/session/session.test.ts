/**
 * The session against a kernel that the test plays: what it answers, and what it does with what makes no
 * sense.
 */
import { randomBytes, randomInt } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { FsError } from '@hopbine/common/base/errors.ts'
import { makeLogger } from '@hopbine/common/base/log.ts'
import t from 'tap'
import { IN_HEADER_BYTES, OPCODE, type OperationName } from '../protocol/constants.ts'
import { encodeDone } from '../protocol/encode.ts'
import type { Request } from '../protocol/request.ts'
import type { ReaderEvents } from './device.ts'
import { errnoNumber, PosixError } from './errno.ts'
import { FuseSession, type Reply } from './session.ts'

/** The other end: sends messages and keeps the answers. */
class Kernel {
  events: ReaderEvents | undefined
  readonly answers: Buffer[] = []
  readonly pauses: string[] = []
  takes: 'taken' | 'unwanted' = 'taken'

  start(events: ReaderEvents): void {
    this.events = events
  }

  pause(): void {
    this.pauses.push('pause')
  }

  resume(): void {
    this.pauses.push('resume')
  }

  write(parts: readonly Buffer[]): 'taken' | 'unwanted' {
    if (this.takes === 'taken') this.answers.push(Buffer.concat([...parts]))
    return this.takes
  }

  send(name: OperationName, unique: number, body = Buffer.alloc(0)): void {
    const header = Buffer.alloc(IN_HEADER_BYTES)
    header.writeUInt32LE(IN_HEADER_BYTES + body.length, 0)
    header.writeUInt32LE(OPCODE[name], 4)
    header.writeBigUInt64LE(BigInt(unique), 8)
    header.writeBigUInt64LE(1n, 16)
    this.events?.onMessage(Buffer.concat([header, body]))
  }

  /** Errors answered so far, by the numbers of their requests; 0 is success. */
  get results(): [unique: number, errno: number][] {
    return this.answers.map(answer => [Number(answer.readBigUInt64LE(8)), -answer.readInt32LE(4)])
  }
}

type Serve = (request: Request) => Reply | Promise<Reply> | undefined

function started(serve: Serve): { kernel: Kernel; session: FuseSession } {
  const kernel = new Kernel()
  const logger = makeLogger('test', 'silent')
  const session = new FuseSession({ device: kernel, logger }, { serve, forget: () => undefined })
  session.start()
  return { kernel, session }
}

const done = (request: Request): Reply => ({ parts: [encodeDone(request.header.unique)] })

t.test('every request is answered once, in the order in which the answers are ready', async t => {
  const { kernel, session } = started(async request => {
    await sleep(request.header.unique === 2 ? 20 : 1)
    return done(request)
  })
  kernel.send('statfs', 2)
  kernel.send('statfs', 4)
  t.equal(session.inFlight, 2)
  await sleep(60)
  t.same(kernel.results, [
    [4, 0],
    [2, 0],
  ])
  t.equal(session.inFlight, 0)
})

t.test(
  'failures are told by their numbers, and a defect is an input/output error that is counted',
  async t => {
    const failures = [
      new FsError('NOT_FOUND'),
      new PosixError('ENODATA'),
      new FsError('UNAVAILABLE'),
      new TypeError('a defect'),
    ]
    const { kernel, session } = started(() => {
      throw failures.shift() as Error
    })
    for (const unique of [2, 4, 6, 8]) kernel.send('statfs', unique)
    const errnos = ['ENOENT', 'ENODATA', 'EIO', 'EIO'].map(errnoNumber)
    t.same(
      kernel.results.map(([, errno]) => errno),
      errnos,
    )
    t.equal(session.counters.defects, 1)
    t.match(session.counters.operations.get('statfs'), { count: 4, errors: 4 })
  },
)

t.test('what nobody serves is ENOSYS; what makes no sense is refused or ignored, and counted', async t => {
  const seed = randomInt(2 ** 31)
  t.comment(`seed ${seed}`)
  const { kernel, session } = started(() => undefined)
  kernel.send('getxattr', 2, Buffer.from('\0\0\0\0\0\0\0\0user.x\0'))
  kernel.send('lookup', 4, Buffer.from('no end'))
  kernel.events?.onMessage(Buffer.alloc(10))
  kernel.events?.onMessage(randomBytes(100))
  t.same(kernel.results, [
    [2, errnoNumber('ENOSYS')],
    [4, errnoNumber('EINVAL')],
  ])
  t.equal(session.counters.malformed, 3)
})

t.test('an interrupted call is answered EINTR after a while, and its late answer is taken back', async t => {
  let undone = 0
  let finish: (() => void) | undefined
  const { kernel, session } = started(async request => {
    await new Promise<void>(resolve => {
      finish = resolve
    })
    return { ...done(request), undo: () => (undone += 1) }
  })
  kernel.send('lookup', 2, Buffer.from('name\0'))
  const interrupt = Buffer.alloc(8)
  interrupt.writeUInt32LE(2)
  kernel.send('interrupt', 3, interrupt)
  await sleep(20)
  t.same(kernel.results, [], 'a call about to be done is let finish')
  await sleep(150)
  t.same(kernel.results, [[2, errnoNumber('EINTR')]])
  t.equal(session.inFlight, 0)
  finish?.()
  await sleep(1)
  t.equal(undone, 1)
  t.equal(kernel.results.length, 1)
})

t.test('an answer that the kernel no longer wants is taken back', async t => {
  let undone = 0
  const { kernel, session } = started(request => ({ ...done(request), undo: () => (undone += 1) }))
  kernel.takes = 'unwanted'
  kernel.send('open', 2, Buffer.alloc(8))
  t.equal(undone, 1)
  t.equal(session.counters.unwanted, 1)
})

t.test('reading pauses while too many requests are being served', async t => {
  let release: (() => void) | undefined
  const gate = new Promise<void>(resolve => {
    release = resolve
  })
  const { kernel } = started(async request => {
    await gate
    return done(request)
  })
  for (let i = 0; i < 4096; i++) kernel.send('statfs', 2 + i)
  t.same(kernel.pauses, ['pause'])
  release?.()
  await sleep(10)
  t.same(kernel.pauses, ['pause', 'resume'])
  t.equal(kernel.answers.length, 4096)
})

t.test('the session ends with the mount, and says why it could not begin', async t => {
  const ended = started(() => undefined)
  ended.kernel.events?.onEnd(undefined)
  await t.rejects(ended.session.agreed)
  await ended.session.ended
  const old = started(() => undefined)
  const init = Buffer.alloc(64)
  init.writeUInt32LE(7, 0)
  init.writeUInt32LE(12, 4)
  old.kernel.send('init', 2, init)
  await t.rejects(old.session.agreed, { message: /7\.12/ })
  t.same(old.kernel.results, [[2, errnoNumber('EPROTO')]])
})
