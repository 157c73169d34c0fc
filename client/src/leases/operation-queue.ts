/**
 * The operations that were answered and are not committed yet, in the order in which they happened. An
 * operation that was not sent may still be amended or cancelled; one that was sent stays what it is. It does
 * no input or output but for the journal, which knows of each change before it is answered.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { QueuedOperation } from '@hopbine/common/protocol/directory-leases.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { type Charge, QuotaRooms } from './quota-rooms.ts'

/** Operations that wait or are on their way; beyond it callers wait. */
export const QUEUE_OPERATIONS_MAX = 16_384
/** Bytes of their requests. */
export const QUEUE_BYTES_MAX = 32 * 1024 * 1024

/** Whoever waits for room waits until so many are committed. */
const ROOM_TICKETS = 1024

export interface StepTime {
  readonly seconds: number
  readonly nanos: number
}

/** One operation of the queue. */
export interface QueuedStep {
  /** Place in the order of all operations, cancelled ones too, from 1. */
  readonly ticket: number
  readonly methodId: number
  readonly principal: Principal
  /** Inode that it makes; 0: none. */
  readonly inodeId: number
  /** The inodes whose changes are lost if it fails. */
  readonly about: readonly number[]
  seconds: number
  nanos: number
  request: Uint8Array
  /** What it may add below a quota, until it is committed. */
  charge?: Charge | undefined
  /** It is about a file that is open for writing: it may be written down with the file's close. */
  isOfOpenFile: boolean
  /** The log has written it down, as it was once. */
  isWritten: boolean
  state: 'waiting' | 'sent' | 'cancelled'
}

/**
 * What is written down before an operation is answered, or, if it is of an open file, by `writeDown`. Throws
 * what keeps it from being written; then it is not.
 */
export interface StepLog {
  added(step: QueuedStep): void
  amended(step: QueuedStep): void
  /** Their state says so. */
  cancelled(steps: readonly QueuedStep[]): void
  /** Everything that was told is written when it returns. */
  writeDown(): void
  /** Nothing waits and nothing is on its way; `applied` operations are committed. */
  emptied(applied: number): void
}

export interface NewStep<Req> {
  readonly method: Method<Req, unknown>
  readonly request: Req
  readonly principal: Principal
  readonly time: StepTime
  readonly inodeId?: number
  readonly about: readonly number[]
  readonly charge?: Charge | undefined
  readonly isOfOpenFile?: boolean
}

interface Waiter {
  readonly ticket: number
  /** Somebody waits for it now. */
  readonly isUrgent: boolean
  resolve(): void
  reject(error: Error): void
}

const writer = new Writer()

export class OperationQueue {
  /** What may be added below quotas. */
  readonly rooms = new QuotaRooms()
  readonly #log: StepLog
  /** Not sent yet; cancelled ones among them. */
  #waiting: QueuedStep[] = []
  #sent: QueuedStep[] = []
  #waiters: Waiter[] = []
  #nextTicket = 1
  #bytes = 0
  #count = 0
  /** Operations applied at the namenode: the number of the last one. */
  #applied = 0
  /** Every ticket up to this one is applied or cancelled. */
  #settled = 0
  /** Ticket up to which something that frees space waits; 0: never. */
  #freeing = 0
  #failure: FsError | undefined
  /** Called when something waits to be sent; `isUrgent` if somebody waits for its commit. */
  onWaiting: ((isUrgent: boolean) => void) | undefined
  /** Operations that were cancelled, since the queue was made. */
  cancelled = 0
  /** Operations that were amended. */
  amended = 0

  constructor(log: StepLog) {
    this.#log = log
  }

  /** Operations not committed. */
  get count(): number {
    return this.#count
  }

  get bytes(): number {
    return this.#bytes
  }

  /** Operations not sent. */
  get waitingCount(): number {
    return this.#count - this.#sent.length
  }

  get isFull(): boolean {
    return this.#count >= QUEUE_OPERATIONS_MAX || this.#bytes >= QUEUE_BYTES_MAX
  }

  /** Ticket of the newest operation. */
  get lastTicket(): number {
    return this.#nextTicket - 1
  }

  /** Number of the next operation to be sent. */
  get nextNumber(): number {
    return this.#applied + this.#sent.length + 1
  }

  isSettled(ticket: number): boolean {
    return ticket <= this.#settled
  }

  add<Req>(next: NewStep<Req>): QueuedStep {
    const { method, request, principal, time, inodeId = 0, about, charge, isOfOpenFile = false } = next
    if (this.#failure !== undefined) throw this.#failure
    const step: QueuedStep = {
      ticket: this.#nextTicket++,
      methodId: method.id,
      principal,
      inodeId,
      about,
      seconds: time.seconds,
      nanos: time.nanos,
      request: encodeRequest(method, request),
      charge,
      isOfOpenFile,
      isWritten: false,
      state: 'waiting',
    }
    this.#log.added(step)
    this.rooms.charge(charge)
    this.#waiting.push(step)
    this.#bytes += step.request.length
    this.#count += 1
    this.onWaiting?.(false)
    return step
  }

  /** True if nothing was queued behind it and it was not sent. */
  isLast(step: QueuedStep): boolean {
    return step.state === 'waiting' && step.ticket === this.#nextTicket - 1
  }

  /**
   * Gives an operation that was not sent another request and charge; a new time only if it is the last one.
   */
  amend<Req>(
    step: QueuedStep,
    method: Method<Req, unknown>,
    request: Req,
    time?: StepTime,
    charge?: Charge,
  ): void {
    assert(step.state === 'waiting' && step.methodId === method.id, 'only what was not sent is amended')
    assert(time === undefined || this.isLast(step), 'times go in order')
    this.#bytes -= step.request.length
    step.request = encodeRequest(method, request)
    this.#bytes += step.request.length
    if (time !== undefined) {
      step.seconds = time.seconds
      step.nanos = time.nanos
    }
    this.#log.amended(step)
    this.rooms.refund(step.charge)
    this.rooms.charge(charge)
    step.charge = charge
    this.amended += 1
  }

  /** The last operation, which was not sent, happens later. */
  retime(step: QueuedStep, { seconds, nanos }: StepTime): void {
    assert(this.isLast(step), 'times go in order')
    const before = { seconds: step.seconds, nanos: step.nanos }
    Object.assign(step, { seconds, nanos })
    try {
      this.#log.amended(step)
    } catch (error) {
      Object.assign(step, before)
      throw error
    }
    this.amended += 1
  }

  /** Operations that were not sent never were; nothing changes if that cannot be written down. */
  cancel(steps: readonly QueuedStep[]): void {
    for (const step of steps) {
      assert(step.state === 'waiting', 'only what was not sent is cancelled')
      step.state = 'cancelled'
    }
    try {
      this.#log.cancelled(steps)
    } catch (error) {
      for (const step of steps) step.state = 'waiting'
      throw error
    }
    for (const step of steps) {
      this.rooms.refund(step.charge)
      this.#bytes -= step.request.length
      step.request = NOTHING
    }
    this.#count -= steps.length
    this.cancelled += steps.length
    if (this.#count === 0) this.#empty()
  }

  /** Everything that was queued is in the log when it returns. */
  writeDown(): void {
    this.#log.writeDown()
  }

  /**
   * The next operations to send together, in order; none while nothing waits. Numbers follow from the log, so
   * what it does not know is not sent: throws what keeps it from being written.
   */
  take(countMax: number, bytesMax: number): QueuedStep[] {
    this.#log.writeDown()
    const taken: QueuedStep[] = []
    let bytes = 0
    let at = 0
    for (; at < this.#waiting.length && taken.length < countMax; at++) {
      const step = this.#waiting[at] as QueuedStep
      if (step.state === 'cancelled') continue
      if (taken.length > 0 && bytes + step.request.length > bytesMax) break
      bytes += step.request.length
      step.state = 'sent'
      taken.push(step)
    }
    this.#waiting = this.#waiting.slice(at)
    this.#sent.push(...taken)
    return taken
  }

  /** The namenode has applied every operation up to this number. */
  confirm(applied: number): void {
    const count = applied - this.#applied
    if (count <= 0) return
    assert(count <= this.#sent.length, 'nothing is applied that was not sent')
    for (const step of this.#sent.splice(0, count)) {
      this.#bytes -= step.request.length
      this.rooms.refund(step.charge)
    }
    this.#applied = applied
    this.#count -= count
    if (this.#count === 0) this.#empty()
    else this.#settle((this.#sent[0] ?? (this.#waiting[0] as QueuedStep)).ticket - 1)
  }

  /**
   * Resolves when everything up to a ticket is committed, now at the latest; rejects when it cannot be, or
   * when a try to send it has failed meanwhile.
   */
  sync(ticket = this.lastTicket): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (ticket <= this.#settled) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ ticket, isUrgent: true, resolve, reject })
      this.onWaiting?.(true)
    })
  }

  /** Everything not committed, in order. */
  get uncommitted(): QueuedStep[] {
    return [...this.#sent, ...this.#waiting.filter(step => step.state === 'waiting')]
  }

  /** Number of the last operation applied. */
  get applied(): number {
    return this.#applied
  }

  /** Like `sync`, in its own time. */
  settled(ticket: number): Promise<void> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (ticket <= this.#settled) return Promise.resolve()
    return new Promise((resolve, reject) => {
      this.#waiters.push({ ticket, isUrgent: false, resolve, reject })
    })
  }

  /** What is queued up to now frees space, or stands before what does: it passes also on a full disk. */
  free(): void {
    this.#freeing = this.lastTicket
  }

  get isFreeing(): boolean {
    return this.#freeing > this.#settled
  }

  /** Resolves when there is room again. */
  untilRoom(): Promise<void> {
    return this.sync(Math.min(this.#settled + ROOM_TICKETS, this.lastTicket))
  }

  get hasWaiters(): boolean {
    return this.#waiters.some(({ isUrgent }) => isUrgent)
  }

  /** A try has failed and another will be made: who waits is told, and nothing is lost. */
  tell(error: Error): void {
    const waiters = this.#waiters
    this.#waiters = []
    for (const waiter of waiters) waiter.reject(error)
  }

  /** Nothing of this will ever be committed. Answers what is lost. */
  fail(error: FsError): QueuedStep[] {
    this.#failure = error
    const lost = this.uncommitted
    this.#sent = []
    this.#waiting = []
    this.#count = 0
    this.#bytes = 0
    this.tell(error)
    return lost
  }

  #empty(): void {
    this.#waiting = []
    this.#log.emptied(this.#applied)
    this.#settle(this.#nextTicket - 1)
  }

  #settle(ticket: number): void {
    this.#settled = ticket
    if (this.#waiters.length === 0) return
    const done = this.#waiters.filter(waiter => waiter.ticket <= ticket)
    this.#waiters = this.#waiters.filter(waiter => waiter.ticket > ticket)
    for (const waiter of done) waiter.resolve()
  }
}

const NOTHING = new Uint8Array(0)

function encodeRequest<Req>(method: Method<Req, unknown>, request: Req): Uint8Array {
  writer.reset()
  method.request.encode(writer, request)
  return writer.copyFrom(0)
}

/** The form in a batch; `principal` is an index into the batch's list. */
export function wireOf(step: QueuedStep, principal: number): QueuedOperation {
  const { methodId, seconds, nanos, inodeId, request } = step
  return { method: methodId, principal, seconds, nanos, inodeId, request }
}

export function lostError(): FsError {
  return new FsError('INTERNAL', 'changes of this mount could not be committed and are lost: see its log')
}
