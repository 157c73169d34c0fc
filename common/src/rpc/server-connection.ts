/**
 * One client's connection as the server sees it: a session with its principals, requests in flight and
 * answers to send. A peer that sends garbage gets a named failure and is cut off; one that reads slowly is no
 * longer read from.
 */
import type { Socket } from 'node:net'
import { assert } from '../base/assert.ts'
import { ERRORS, FsError, isFsError } from '../base/errors.ts'
import { IN_FLIGHT_PER_CONNECTION_MAX, OUTGOING_BYTES_MAX } from '../base/limits.ts'
import type { TlsPeer } from '../pki/credentials.ts'
import { addPrincipal, hello, ping } from '../protocol/session.ts'
import { failure } from '../protocol/types.ts'
import { PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '../protocol/version.ts'
import type { Codec, ValueOf } from '../wire/codec.ts'
import { FRAME_KIND, FrameCutter, REQUEST_FLAG } from '../wire/frame.ts'
import type { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { actAs, type Principal, requireCall } from './principal.ts'
import { sendGathered } from './send-gathered.ts'
import type { AnswerGate, RpcService, Transport } from './server.ts'

export interface RequestHeader {
  readonly method: number
  /** The client's number of this request on this connection. */
  readonly id: number
  readonly principal: Principal
  readonly shard: number
  /** Number of the write in its session; 0 for reads. */
  readonly sequence: number
  /** Writes below `sequence` that may still be unanswered. */
  readonly behind: number
}

/** Principals that one connection may add; more: BUSY. */
const PRINCIPALS_MAX = 4096
/** Each text of a failure has at most so many characters: more than any path. */
const FAILURE_CHARACTERS_MAX = 8192
/** Answers leave before the end of the turn when they are so many bytes, so that they can be counted. */
const FLUSH_BYTES = 256 * 1024
/** After a connection was ended for its garbage: time for the peer to read why, in milliseconds. */
const LINGER_MS = 2_000
/** A connection that has not said hello by then is closed, in milliseconds. */
const HELLO_MS = 10_000

export class ServerConnection {
  readonly transport: Transport
  /** Whose certificate was verified. */
  readonly peer: TlsPeer | undefined
  /** Set by `hello`; empty before. */
  clientId = ''
  readonly #socket: Socket
  readonly #service: RpcService
  readonly #cutter = new FrameCutter()
  #outgoing = new Writer()
  /** What was gathered and must not leave before the service has released it, in order. */
  readonly #held: { readonly round: number; readonly writer: Writer }[] = []
  #heldBytes = 0
  #spare: Writer | undefined
  /** Something gathered must be confirmed before it leaves, if the service confirms answers at all. */
  #isUnconfirmed = false
  readonly #principals: Principal[] = []
  readonly #helloTimer: NodeJS.Timeout
  /** It asked what needs no hello, which is done once. */
  #wasAdmitted = false
  #inFlight = 0
  #paused = false
  #open = true

  constructor(
    socket: Socket,
    origin: { readonly transport: Transport; readonly peer: TlsPeer | undefined },
    service: RpcService,
    onClosed: () => void,
  ) {
    this.transport = origin.transport
    this.peer = origin.peer
    this.#socket = socket
    this.#service = service
    this.#helloTimer = setTimeout(() => this.destroy(), HELLO_MS)
    this.#helloTimer.unref()
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('drain', () => this.#resumeIfRoom())
    // A reset by the peer is an ordinary end: 'close' follows and tells the service.
    socket.on('error', error => this.#service.report('connection-error', { message: error.message }))
    socket.on('close', () => {
      this.#open = false
      clearTimeout(this.#helloTimer)
      onClosed()
    })
  }

  get isOpen(): boolean {
    return this.#open
  }

  respond<T>(header: { id: number; method: number }, codec: Codec<T>, value: T): void {
    this.respondAtOnce(header, codec, value)
    this.#isUnconfirmed = true
  }

  /** An answer that says nothing of the shared state: it is never held back. */
  respondAtOnce<T>(header: { id: number; method: number }, codec: Codec<T>, value: T): void {
    const start = this.#begin(FRAME_KIND.response, header)
    codec.encode(this.#outgoing, value)
    this.#end(start)
  }

  /** Sends what `body` writes as the payload; if it throws, nothing is sent. */
  respondWith(header: { id: number; method: number }, body: (writer: Writer) => void): void {
    const start = this.#begin(FRAME_KIND.response, header)
    try {
      body(this.#outgoing)
    } catch (error) {
      this.#outgoing.rewind(start)
      throw error
    }
    this.#end(start)
    this.#isUnconfirmed = true
  }

  /**
   * Sends an answer that was encoded before, for example one kept for a retried write. It stands for what is
   * certain, so it is never held back.
   */
  respondEncoded(header: { id: number; method: number }, payload: Uint8Array, failed: boolean): void {
    const start = this.#begin(failed ? FRAME_KIND.failure : FRAME_KIND.response, header)
    this.#outgoing.raw(payload)
    this.#end(start)
  }

  fail(header: { id: number; method: number }, error: FsError): void {
    const start = this.#begin(FRAME_KIND.failure, header)
    encodeFailure(this.#outgoing, error)
    this.#end(start)
    this.#isUnconfirmed = true
  }

  /** Tells the client something it did not ask. */
  push<T>(push: number, codec: Codec<T>, value: T): void {
    if (!this.#open) return
    const start = this.#begin(FRAME_KIND.push, { id: 0, method: push })
    codec.encode(this.#outgoing, value)
    this.#seal(start)
  }

  /** Writes everything gathered since the last call, or holds it back until it is confirmed. */
  flush(): void {
    if (this.#outgoing.position === 0 || !this.#open) return
    const { gate } = this.#service
    if (gate !== undefined && (this.#isUnconfirmed || this.#held.length > 0)) this.#hold(gate)
    else this.#outgoing = sendGathered(this.#socket, this.#outgoing)
    this.#isUnconfirmed = false
    this.#pauseIfFull()
  }

  /** Sends what was held for this round and the ones before it. */
  release(round: number): void {
    if (!this.#open) return
    for (let first = this.#held[0]; first !== undefined && first.round <= round; first = this.#held[0]) {
      this.#held.shift()
      this.#heldBytes -= first.writer.position
      this.#spare = sendGathered(this.#socket, first.writer)
    }
    this.#resumeIfRoom()
  }

  #hold(gate: AnswerGate): void {
    const last = this.#held.at(-1)
    const round = this.#isUnconfirmed || last === undefined ? gate.hold(this) : last.round
    this.#held.push({ round, writer: this.#outgoing })
    this.#heldBytes += this.#outgoing.position
    this.#outgoing = this.#spare ?? new Writer()
    this.#spare = undefined
  }

  /** Ends the connection with a word why; nothing that was gathered leaves. */
  refuse(error: FsError): void {
    this.#held.length = 0
    this.#outgoing.reset()
    this.#cutOff(error)
  }

  destroy(): void {
    this.#socket.destroy()
  }

  #begin(kind: number, header: { id: number; method: number }): number {
    const writer = this.#outgoing
    const start = writer.position
    writer.u32(0)
    writer.u8(kind)
    writer.u8(0)
    writer.u16(header.method)
    writer.u32(header.id)
    writer.f64(this.#service.index())
    return start
  }

  /** Ends a frame that answers a request. */
  #end(start: number): void {
    this.#seal(start)
    this.#inFlight -= 1
    assert(this.#inFlight >= 0, 'more answers than requests')
    if (this.#outgoing.position >= FLUSH_BYTES) this.flush()
    if (this.#paused) this.#resumeIfRoom()
  }

  #seal(start: number): void {
    this.#outgoing.patchU32(start, this.#outgoing.position - start - 4)
    if (!this.#open) this.#outgoing.reset()
  }

  #receive(chunk: Buffer): void {
    try {
      this.#cutter.push(chunk, reader => {
        this.#request(reader)
        return !this.#paused
      })
      this.flush()
    } catch (error) {
      if (!isFsError(error)) throw error
      this.#service.report('connection-refused', { code: error.code, message: error.message })
      this.#cutOff(error)
    }
  }

  /** The stream cannot be trusted any more: say why, then end it. */
  #cutOff(error: FsError, id = 0): void {
    if (!this.#open) return
    if (this.#service.gate !== undefined) this.#outgoing.reset()
    const start = this.#begin(FRAME_KIND.failure, { id, method: 0 })
    encodeFailure(this.#outgoing, error)
    this.#seal(start)
    this.#socket.end(this.#outgoing.copy())
    this.#outgoing.reset()
    this.#socket.removeAllListeners('data')
    this.#socket.resume()
    this.#open = false
    setTimeout(() => this.#socket.destroy(), LINGER_MS).unref()
  }

  #request(reader: Reader): void {
    if (!this.#open) return
    const kind = reader.u8()
    const flags = reader.u8()
    const method = reader.u16()
    const id = reader.u32()
    if (kind !== FRAME_KIND.request) throw new FsError('BAD_FRAME', `frame kind ${kind} is not a request`)
    const handle = reader.u16()
    const shard = reader.u16()
    const sequence = reader.int()
    const behind = reader.u32()
    if ((flags & REQUEST_FLAG.oneWay) !== 0) return this.#told(method, shard, handle, reader)
    this.#inFlight += 1
    if (this.#inFlight >= IN_FLIGHT_PER_CONNECTION_MAX) this.#pause()
    try {
      if (this.clientId === '' && this.#admits(method, id, reader)) return
      if (this.clientId === '' || method === hello.id) return this.#hello(method, id, reader)
      const principal = this.#principals[handle]
      if (principal === undefined) throw new FsError('UNAUTHENTICATED', `unknown principal handle ${handle}`)
      requireCall(principal, method)
      if (method === addPrincipal.id) return this.#addPrincipal(principal, id, reader)
      if (method === ping.id) return this.respondAtOnce({ id, method }, ping.response, {})
      this.#service.dispatch(this, { method, id, principal, shard, sequence, behind }, reader)
    } catch (error) {
      if (!isFsError(error)) throw error
      if (this.clientId === '') return this.#cutOff(error, id)
      this.fail({ id, method }, error)
    }
  }

  /**
   * A request without an answer; one that cannot be taken ends the connection, since nothing else can tell.
   */
  #told(method: number, shard: number, handle: number, reader: Reader): void {
    const principal = this.#principals[handle]
    if (principal === undefined) throw new FsError('UNAUTHENTICATED', 'the first request must be hello')
    requireCall(principal, method)
    if (this.#service.told === undefined) throw new FsError('UNKNOWN_METHOD', `nobody takes method ${method}`)
    this.#service.told(this, { method, shard, principal }, reader)
  }

  /** One request without hello: who has no certificate yet may ask for one, where nobody can listen. */
  #admits(method: number, id: number, reader: Reader): boolean {
    if (this.transport !== 'tls' || this.peer !== undefined || this.#wasAdmitted) return false
    this.#wasAdmitted = this.#service.admit?.(this, { id, method }, reader) === true
    return this.#wasAdmitted
  }

  #hello(method: number, id: number, reader: Reader): void {
    if (method !== hello.id) throw new FsError('UNAUTHENTICATED', 'the first request must be hello')
    const request = hello.request.decode(reader)
    if (request.versionOldest > PROTOCOL_VERSION || request.version < PROTOCOL_VERSION_OLDEST) {
      throw new FsError(
        'VERSION_MISMATCH',
        `the client speaks versions ${request.versionOldest} to ${request.version}, ` +
          `the server ${PROTOCOL_VERSION_OLDEST} to ${PROTOCOL_VERSION}`,
      )
    }
    if (!/^[0-9a-f]{32}$/.test(request.clientId)) {
      throw new FsError('INVALID_ARGUMENT', 'clientId must be 32 hexadecimal digits')
    }
    const own = this.#service.authenticate(request, this.transport, this.peer)
    const principal = request.actAs === undefined ? own : actAs(own, request.actAs)
    this.clientId = request.clientId
    this.#principals[0] = principal
    clearTimeout(this.#helloTimer)
    this.respondAtOnce({ id, method }, hello.response, {
      version: Math.min(request.version, PROTOCOL_VERSION),
      clusterId: this.#service.clusterId,
      user: principal.user,
      groups: [...principal.groups],
      superuser: principal.superuser,
      index: this.#service.index(),
    })
  }

  #addPrincipal(own: Principal, id: number, reader: Reader): void {
    const request = addPrincipal.request.decode(reader)
    const handle = request.replace === 0 ? this.#principals.length : request.replace
    if (handle >= PRINCIPALS_MAX) {
      throw new FsError('BUSY', `a connection holds at most ${PRINCIPALS_MAX} principals`)
    }
    if (handle > this.#principals.length) throw new FsError('INVALID_ARGUMENT', `no handle ${handle}`)
    this.#principals[handle] = actAs(own, request)
    this.respondAtOnce({ id, method: addPrincipal.id }, addPrincipal.response, { handle })
  }

  #pause(): void {
    this.#paused = true
    this.#socket.pause()
  }

  #pauseIfFull(): void {
    if (this.#socket.writableLength + this.#heldBytes > OUTGOING_BYTES_MAX) this.#pause()
  }

  #resumeIfRoom(): void {
    if (!this.#paused || !this.#open) return
    if (this.#inFlight >= IN_FLIGHT_PER_CONNECTION_MAX / 2) return
    if (this.#socket.writableLength + this.#heldBytes > OUTGOING_BYTES_MAX / 2) return
    this.#paused = false
    this.#socket.resume()
    // Requests that had come already are first; not from here, since an answer is just being sent.
    if (this.#cutter.isWaiting) setImmediate(() => this.#goOn())
  }

  #goOn(): void {
    if (this.#open && !this.#paused && this.#cutter.isWaiting) this.#receive(NOTHING)
  }
}

const NOTHING = Buffer.alloc(0)

/** Payload of a failure frame. Errors quote what they were given, so their texts are cut to a bound. */
export function encodeFailure(writer: Writer, error: FsError): void {
  failure.encode(writer, failureOf(error))
}

/** An error as it is sent. */
export function failureOf(error: FsError): ValueOf<typeof failure> {
  return {
    code: ERRORS[error.code].wire,
    message: error.message.slice(0, FAILURE_CHARACTERS_MAX),
    details: Object.entries(error.details).map(([key, value]) =>
      typeof value === 'number'
        ? { key, number: value }
        : { key, text: value.slice(0, FAILURE_CHARACTERS_MAX) },
    ),
  }
}
