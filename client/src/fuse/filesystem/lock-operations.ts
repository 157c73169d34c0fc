/** Operations on locks: asking, taking and waiting for them, and the ends of descriptors that drop them. */
import { LOCK_END, type LockRange, type LockType } from '@hopbine/common/locks/lock-pieces.ts'
import { type HeldLock, LOCK_KIND, type LockPlace } from '@hopbine/common/locks/lock-queue.ts'
import type { LockAsk, LockResult } from '../../locks/session-locks.ts'
import { LOCK_FLOCK } from '../protocol/constants.ts'
import { encodeLock } from '../protocol/encode.ts'
import type { LockRange as KernelLock, RequestHeader, RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import * as files from './file-operations.ts'
import type { MountContext } from './mount-context.ts'
import { after, done, reply } from './reply.ts'

const F_UNLOCK = 2
/** Last byte as the kernel says it for the end of any file. */
const KERNEL_END = 2n ** 63n - 1n

export function testLock(
  context: MountContext,
  { header, body }: RequestOf<'getlk'>,
): Reply | Promise<Reply> {
  const wanted = wantedOf(body)
  const found = context.parts.locks.session.test(placeOf(context, header, body), wanted)
  if (found instanceof Promise) return found.then(conflict => lockReply(header, wanted, conflict))
  return lockReply(header, wanted, found)
}

export function setLock(
  context: MountContext,
  request: RequestOf<'setlk'> | RequestOf<'setlkw'>,
): Reply | Promise<Reply> {
  const { header, body, name } = request
  const { locks } = context.parts
  const place = placeOf(context, header, body)
  if (body.type === F_UNLOCK) {
    const { start, end } = rangeOf(body)
    const unlocked = locks.session.unlock(place, ownerOf(body.owner), { start, end })
    return unlocked instanceof Promise ? unlocked.then(() => done(header)) : done(header)
  }
  const signal = NEVER
  const ask = { place, wanted: wantedOf(body), handle: body.handle, wait: name === 'setlkw', signal }
  const result = locks.session.tryNow(ask)
  if (result !== undefined) return answered(header, result)
  return takeLock(context, header, ask)
}

async function takeLock(context: MountContext, header: RequestHeader, ask: LockAsk): Promise<Reply> {
  const { locks } = context.parts
  const result = await locks.interruptible(header.unique, async signal =>
    locks.session.lock({ ...ask, signal }),
  )
  return answered(header, result)
}

/** The descriptor's process may have others of the file: POSIX locks go all the same. */
export function flushFile(context: MountContext, request: RequestOf<'flush'>): Reply | Promise<Reply> {
  const { header, body } = request
  return thenUnlock(
    () => files.flushFile(context, request),
    () => {
      const { nodes, locks } = context.parts
      return locks.session.closed(nodes.inodeOf(header.nodeId), ownerOf(body.lockOwner))
    },
  )
}

export function releaseFile(context: MountContext, request: RequestOf<'release'>): Reply | Promise<Reply> {
  return thenUnlock(
    () => files.releaseFile(context, request),
    () => context.parts.locks.released(request.body.handle),
  )
}

/** Locks go whatever becomes of the work, and before it is answered. */
function thenUnlock(
  work: () => Reply | Promise<Reply>,
  unlock: () => void | Promise<void>,
): Reply | Promise<Reply> {
  let worked: Reply | Promise<Reply>
  try {
    worked = work()
  } catch (error) {
    worked = Promise.reject(error)
  }
  if (worked instanceof Promise) return worked.finally(unlock)
  const reply = worked
  return after(unlock(), () => reply)
}

const NEVER = new AbortController().signal

function answered(header: RequestHeader, result: LockResult): Reply {
  if (result === 'granted') return done(header)
  if (result === 'deadlock') throw new PosixError('EDEADLK')
  if (result === 'cancelled') throw new PosixError('EINTR')
  throw new PosixError(result === 'full' ? 'ENOLCK' : 'EAGAIN')
}

function placeOf(context: MountContext, header: RequestHeader, body: KernelLock): LockPlace {
  const kind = body.flags & LOCK_FLOCK ? LOCK_KIND.flock : LOCK_KIND.posix
  return { inodeId: context.parts.nodes.inodeOf(header.nodeId), kind }
}

function wantedOf(body: KernelLock): HeldLock {
  const { start, end } = rangeOf(body)
  return { owner: ownerOf(body.owner), type: body.type === 0 ? 0 : 1, start, end, pid: body.pid }
}

function ownerOf(owner: bigint): string {
  return owner.toString(16)
}

/** No file is so long that its bytes could not be counted exactly, so no program needs to lock further. */
function rangeOf({ start, end }: KernelLock): LockRange {
  const last = end >= Number(KERNEL_END) ? LOCK_END : end
  if (last > LOCK_END || start > last || (last === LOCK_END && end < Number(KERNEL_END))) {
    throw new PosixError('EOVERFLOW')
  }
  return { start, end: last }
}

function lockReply(header: RequestHeader, wanted: HeldLock, conflict: HeldLock | undefined): Reply {
  const { start, end, type, pid } = conflict ?? { ...wanted, type: F_UNLOCK as LockType | 2 }
  const last = end === LOCK_END ? KERNEL_END : BigInt(end)
  return reply(encodeLock(header.unique, { start, end: last, type, pid }))
}
