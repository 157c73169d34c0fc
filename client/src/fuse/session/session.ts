/**
 * One conversation with the kernel over one device: agrees on a version, decodes requests, hands them to
 * the service, answers each exactly once, and heeds interrupts. It knows nothing about files.
 */
import type { Logger } from '@hopbine/common/base/log.ts'
import type { CapabilityName } from '../protocol/constants.ts'
import { OPCODE, type OperationName } from '../protocol/constants.ts'
import { decodeHeader, decodeRequest } from '../protocol/decode.ts'
import { encodeDone, encodeError, encodeInit } from '../protocol/encode.ts'
import { negotiate } from '../protocol/negotiate.ts'
import type { ForgetOne, Request, RequestBodies, RequestHeader } from '../protocol/request.ts'
import { Counters } from './counters.ts'
import type { Device } from './device.ts'
import { errnoNumber, errnoOf } from './errno.ts'

/** What a request is answered with. */
export interface Reply {
  /** The whole message, in pieces. */
  readonly parts: readonly Buffer[]
  /** It tells an expected error: throwing one costs more than answering it. */
  readonly isError?: boolean
  /** Takes back what the answer would have given the kernel; called when the kernel does not get it. */
  undo?(): void
  /** The memory of the parts may be used again; called once, whether the kernel got the answer or not. */
  free?(): void
}

/** Serves requests; failures are thrown as FsError, PosixError or ProtocolError. */
export interface FuseService {
  /** Undefined: the operation is not supported and the kernel need not ask again. */
  serve(request: Request): Reply | Promise<Reply> | undefined
  forget(nodes: readonly ForgetOne[]): void
  /** The kernel gives up on a request. True if it ends by itself now: then its own answer is waited for. */
  interrupt?(unique: number): boolean
}

export interface SessionOptions {
  readonly device: Pick<Device, 'start' | 'pause' | 'resume' | 'write'>
  readonly logger: Logger
  /** Capabilities wanted besides those of every mount. */
  readonly capabilities?: readonly CapabilityName[]
}

/** Requests that are being served; beyond it no more are read until some are answered. */
const IN_FLIGHT_MAX = 4096
/**
 * How long an interrupted request may still take before it is answered EINTR, in milliseconds: long enough
 * for one that is about to be done, since many programs are interrupted all the time and do not expect
 * EINTR of a disk.
 */
const INTERRUPT_READ_MS = 100
const INTERRUPT_CHANGE_MS = 1_000
/** Operations that change nothing: giving one up is harmless. */
const READS: ReadonlySet<OperationName> = new Set<OperationName>([
  'lookup',
  'getattr',
  'readlink',
  'open',
  'read',
  'statfs',
  'getxattr',
  'listxattr',
  'opendir',
  'readdir',
  'readdirplus',
  'access',
  'getlk',
  'setlkw',
  'lseek',
])

interface Pending {
  readonly header: RequestHeader
  readonly name: OperationName
  readonly startedMs: number
  interrupt: NodeJS.Timeout | undefined
}

export class FuseSession {
  readonly counters = new Counters()
  /** Resolves when the mount is gone; rejects when the device failed. */
  readonly ended: Promise<void>
  /** Resolves once the kernel and we agreed; rejects when we cannot. */
  readonly agreed: Promise<ReadonlySet<CapabilityName>>
  readonly #options: SessionOptions
  readonly #service: FuseService
  readonly #pending = new Map<number, Pending>()
  #isPaused = false
  #finish: { resolve(): void; reject(error: Error): void } | undefined
  #agree: { resolve(has: ReadonlySet<CapabilityName>): void; reject(error: Error): void } | undefined

  constructor(options: SessionOptions, service: FuseService) {
    this.#options = options
    this.#service = service
    this.ended = new Promise((resolve, reject) => {
      this.#finish = { resolve, reject }
    })
    this.agreed = new Promise((resolve, reject) => {
      this.#agree = { resolve, reject }
    })
  }

  get inFlight(): number {
    return this.#pending.size
  }

  start(): void {
    this.#options.device.start({
      onMessage: message => this.#message(message),
      onEnd: error => this.#end(error),
    })
  }

  #end(error: Error | undefined): void {
    for (const { interrupt } of this.#pending.values()) clearTimeout(interrupt)
    this.#agree?.reject(error ?? new Error('the mount ended before it began'))
    if (error === undefined) this.#finish?.resolve()
    else this.#finish?.reject(error)
  }

  #message(message: Buffer): void {
    const header = decodeHeader(message)
    if (header === undefined) {
      this.counters.malformed += 1
      return
    }
    let request: Request | undefined
    try {
      request = decodeRequest(header, message)
    } catch (error) {
      this.counters.malformed += 1
      return this.#refuse(header, error)
    }
    if (request === undefined) {
      this.counters.unknown += 1
      return this.#write([encodeError(header.unique, errnoNumber('ENOSYS'))])
    }
    this.#dispatch(request)
  }

  #dispatch(request: Request): void {
    const { header, name, body } = request
    if (name === 'forget' || name === 'batchForget') return this.#service.forget(body.nodes)
    if (name === 'interrupt') return this.#interrupt(body.unique)
    if (name === 'init') return this.#init(header, body)
    if (name === 'destroy') return this.#write([encodeDone(header.unique)])
    const pending = { header, name, startedMs: performance.now(), interrupt: undefined }
    try {
      const reply = this.#service.serve(request)
      if (reply === undefined) return this.#write([encodeError(header.unique, errnoNumber('ENOSYS'))])
      if (!(reply instanceof Promise)) return this.#answer(pending, reply)
      this.#track(pending)
      reply.then(
        value => this.#settle(pending, () => this.#answer(pending, value), value),
        (error: unknown) => this.#settle(pending, () => this.#fail(pending, error)),
      )
    } catch (error) {
      this.#fail(pending, error)
    }
  }

  #track(pending: Pending): void {
    this.#pending.set(pending.header.unique, pending)
    if (this.#pending.size < IN_FLIGHT_MAX || this.#isPaused) return
    this.#isPaused = true
    this.#options.device.pause()
  }

  /** Answers unless an interrupt did so before. */
  #settle(pending: Pending, answer: () => void, reply?: Reply): void {
    clearTimeout(pending.interrupt)
    if (this.#pending.get(pending.header.unique) === pending) {
      this.#pending.delete(pending.header.unique)
      answer()
    } else {
      reply?.undo?.()
      reply?.free?.()
    }
    if (!this.#isPaused || this.#pending.size > IN_FLIGHT_MAX / 2) return
    this.#isPaused = false
    this.#options.device.resume()
  }

  #answer(pending: Pending, reply: Reply): void {
    this.counters.record(pending.name, performance.now() - pending.startedMs, reply.isError === true)
    this.#write(reply.parts, reply)
  }

  #fail(pending: Pending, error: unknown): void {
    this.counters.record(pending.name, performance.now() - pending.startedMs, true)
    this.#refuse(pending.header, error)
  }

  #refuse(header: RequestHeader, error: unknown): void {
    const errno = errnoOf(error)
    if (errno !== undefined) return this.#write([encodeError(header.unique, errno)])
    this.counters.defects += 1
    const operation = nameOf(header.opcode)
    const { stack = String(error) } = error as Error
    this.#options.logger.error({ operation, nodeId: header.nodeId, stack }, 'mount-defect')
    this.#write([encodeError(header.unique, errnoNumber('EIO'))])
  }

  #write(parts: readonly Buffer[], reply?: Reply): void {
    const written = this.#options.device.write(parts)
    reply?.free?.()
    if (written === 'taken') return
    if (written === 'unwanted') this.counters.unwanted += 1
    else this.#tellRefused(parts)
    reply?.undo?.()
  }

  #tellRefused(parts: readonly Buffer[]): void {
    this.counters.refused += 1
    const lengths = parts.map(part => part.length).join('+')
    this.#options.logger.error({ lengths }, 'the kernel refused an answer')
  }

  #interrupt(unique: number): void {
    this.counters.interrupts += 1
    const pending = this.#pending.get(unique)
    if (pending === undefined || pending.interrupt !== undefined) return
    if (this.#service.interrupt?.(unique) === true) return
    const graceMs = READS.has(pending.name) ? INTERRUPT_READ_MS : INTERRUPT_CHANGE_MS
    pending.interrupt = setTimeout(() => {
      if (!this.#pending.delete(unique)) return
      this.counters.record(pending.name, performance.now() - pending.startedMs, true)
      this.#write([encodeError(unique, errnoNumber('EINTR'))])
    }, graceMs)
  }

  #init(header: RequestHeader, body: RequestBodies['init']): void {
    const result = negotiate(body, this.#options.capabilities)
    if (result.kind === 'refused') {
      this.#agree?.reject(new Error(result.reason))
      return this.#write([encodeError(header.unique, errnoNumber('EPROTO'))])
    }
    this.#write([encodeInit(header.unique, result.answer)])
    if (result.kind === 'agreed') this.#agree?.resolve(result.has)
  }
}

function nameOf(opcode: number): string {
  return Object.entries(OPCODE).find(([, number]) => number === opcode)?.[0] ?? String(opcode)
}
