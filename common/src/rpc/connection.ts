/**
 * Calling end of the native RPC: one socket, many requests in flight, all requests of one event-loop turn in
 * one write. It does not reconnect and does not retry; `RpcClient` does, in one place.
 */
import { connect, type Socket } from 'node:net'
import { codeOfWire, FsError, fromNodeError } from '../base/errors.ts'
import type { TlsDialer } from '../pki/credentials.ts'
import type { Method } from '../protocol/method.ts'
import { type HelloRequest, type HelloResponse, hello, ping } from '../protocol/session.ts'
import { failure } from '../protocol/types.ts'
import type { ValueOf } from '../wire/codec.ts'
import { FRAME_KIND, FrameCutter, REQUEST_FLAG } from '../wire/frame.ts'
import type { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { sendGathered } from './send-gathered.ts'

/** A Unix socket's path, or a TCP host and port; with `tls` the connection is mutual TLS. */
export type Address =
  | { readonly path: string }
  | { readonly host: string; readonly port: number; readonly tls?: TlsDialer | undefined }

export interface CallOptions {
  /** Number of the write in its session; 0 for reads. */
  readonly sequence?: number
  readonly behind?: number
  /** Handle that `addPrincipal` gave; 0 is the connection's own. */
  readonly principal?: number
  readonly shard?: number
}

interface Waiting {
  readonly method: Method<unknown, unknown>
  resolve(value: unknown): void
  reject(error: Error): void
}

export interface ConnectionEvents {
  /** Called once when the connection is gone; waiting calls were rejected with UNAVAILABLE before. */
  onClose(error: FsError): void
  /** A push from the server; the reader is valid during the call only. */
  onPush(push: number, payload: Reader): void
}

/** Time to connect and to be greeted, in milliseconds. */
const CONNECT_MS = 5_000
/**
 * How often a watched connection is looked at; how many looks without a byte until it is asked, in
 * milliseconds.
 */
const LOOK_MS = 100
const SILENT_LOOKS = 2

export class Connection {
  readonly #socket: Socket
  readonly #events: ConnectionEvents
  readonly #cutter = new FrameCutter()
  #outgoing = new Writer()
  readonly #waiting = new Map<number, Waiting>()
  #nextId = 1
  #flushPlanned = false
  #closed: FsError | undefined
  #watch: NodeJS.Timeout | undefined
  #hasHeard = false
  #silentLooks = 0
  /** Applied index of the newest answer. */
  index = 0

  private constructor(socket: Socket, events: ConnectionEvents) {
    this.#socket = socket
    this.#events = events
    socket.on('data', chunk => this.#receive(chunk))
    socket.on('error', error => this.#end(asUnavailable(error)))
    socket.on('close', () => this.#end(new FsError('UNAVAILABLE', 'the server closed the connection')))
  }

  /**
   * Connects and says hello, each within `connectMs`. Throws UNAVAILABLE, TIMED_OUT, UNAUTHENTICATED or
   * VERSION_MISMATCH.
   */
  static async open(
    address: Address,
    greeting: HelloRequest,
    events: ConnectionEvents,
    connectMs = CONNECT_MS,
  ): Promise<{ connection: Connection; welcome: HelloResponse }> {
    const socket = await connected(address, connectMs)
    const connection = new Connection(socket, events)
    const timer = setTimeout(
      () => connection.close(new FsError('TIMED_OUT', 'no answer to hello')),
      connectMs,
    )
    try {
      const welcome = await connection.call(hello, greeting)
      return { connection, welcome }
    } catch (error) {
      connection.close()
      throw error
    } finally {
      clearTimeout(timer)
    }
  }

  /**
   * Asks one thing of a server that needs no hello for it, within `limitMs`. Throws what `open` throws, and
   * what the method does.
   */
  static async ask<Req, Res>(
    address: Address,
    method: Method<Req, Res>,
    request: Req,
    limitMs = CONNECT_MS,
  ): Promise<Res> {
    const events = { onClose: () => undefined, onPush: () => undefined }
    const connection = new Connection(await connected(address, limitMs), events)
    const timer = setTimeout(
      () => connection.close(new FsError('TIMED_OUT', `no answer to ${method.name}`)),
      limitMs,
    )
    try {
      return await connection.call(method, request)
    } finally {
      clearTimeout(timer)
      connection.close()
    }
  }

  get isOpen(): boolean {
    return this.#closed === undefined
  }

  get inFlight(): number {
    return this.#waiting.size
  }

  call<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions = {}): Promise<Res> {
    return new Promise<Res>((resolve, reject) => {
      if (this.#closed !== undefined) return reject(this.#closed)
      const id = this.#nextId
      this.#nextId = (this.#nextId + 1) >>> 0 || 1
      this.#encode(id, method, request, options)
      this.#waiting.set(id, { method, resolve: resolve as (value: unknown) => void, reject })
      this.#planFlush()
    })
  }

  /**
   * Sends a request that has no answer; it is encoded when this returns. Lost where the connection is closed.
   */
  tell<Req>(method: Method<Req, unknown>, request: Req, options: CallOptions = {}): void {
    if (this.#closed !== undefined) return
    this.#encode(0, method, request, options, REQUEST_FLAG.oneWay)
    this.#planFlush()
  }

  /** Bytes that the kernel has not taken yet. */
  get queuedBytes(): number {
    return this.#outgoing.position + this.#socket.writableLength
  }

  /**
   * From now on the connection ends when calls wait and not a byte has come for so long, in milliseconds. The
   * server is asked for a sign of life meanwhile, so that a call may wait for as long as it likes.
   */
  watch(silentMs: number): void {
    clearInterval(this.#watch)
    this.#watch = setInterval(() => this.#look(silentMs), LOOK_MS)
    this.#watch.unref()
  }

  #look(silentMs: number): void {
    const isSilent = this.#waiting.size > 0 && !this.#hasHeard
    this.#hasHeard = false
    this.#silentLooks = isSilent ? this.#silentLooks + 1 : 0
    // An answer may have come while this process itself was held up: it is read before the next look.
    if (this.#silentLooks * LOOK_MS > silentMs) {
      return this.close(new FsError('UNAVAILABLE', `the server was silent for ${silentMs} ms`))
    }
    if (this.#silentLooks !== SILENT_LOOKS) return
    this.call(ping, {}).catch(() => undefined)
  }

  #planFlush(): void {
    if (this.#flushPlanned) return
    this.#flushPlanned = true
    setImmediate(() => this.#flush())
  }

  /** Ends the connection; waiting calls are rejected with `reason`. */
  close(reason = new FsError('UNAVAILABLE', 'the connection was closed')): void {
    this.#end(reason)
    this.#socket.destroy()
  }

  /** Keeps, or no longer keeps, the process alive by this connection alone. */
  hold(alive: boolean): void {
    if (alive) this.#socket.ref()
    else this.#socket.unref()
  }

  #encode<Req>(
    id: number,
    method: Method<Req, unknown>,
    request: Req,
    options: CallOptions,
    flags = 0,
  ): void {
    const writer = this.#outgoing
    const start = writer.position
    writer.u32(0)
    writer.u8(FRAME_KIND.request)
    writer.u8(flags)
    writer.u16(method.id)
    writer.u32(id)
    writer.u16(options.principal ?? 0)
    writer.u16(options.shard ?? 0)
    writer.f64(options.sequence ?? 0)
    writer.u32(options.behind ?? 0)
    method.request.encode(writer, request)
    writer.patchU32(start, writer.position - start - 4)
  }

  #flush(): void {
    this.#flushPlanned = false
    if (this.#closed !== undefined || this.#outgoing.position === 0) return
    this.#outgoing = sendGathered(this.#socket, this.#outgoing)
  }

  #receive(chunk: Buffer): void {
    this.#hasHeard = true
    try {
      this.#cutter.push(chunk, reader => this.#frame(reader))
    } catch (error) {
      this.close(error instanceof FsError ? error : new FsError('BAD_FRAME', String(error)))
    }
  }

  #frame(reader: Reader): void {
    const kind = reader.u8()
    reader.u8()
    const methodId = reader.u16()
    const id = reader.u32()
    const index = reader.f64()
    if (index > this.index) this.index = index
    if (kind === FRAME_KIND.push) return this.#events.onPush(methodId, reader)
    if (kind === FRAME_KIND.failure && id === 0) throw decodeFailure(reader)
    const waiting = this.#waiting.get(id)
    if (waiting === undefined) throw new FsError('BAD_FRAME', `an answer to no request (${id})`)
    // Decoded before it is forgotten: an answer that is none ends the connection, and with it this call.
    if (kind === FRAME_KIND.failure) waiting.reject(decodeFailure(reader))
    else waiting.resolve(waiting.method.response.decode(reader))
    this.#waiting.delete(id)
  }

  #end(error: FsError): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    clearInterval(this.#watch)
    for (const waiting of this.#waiting.values()) waiting.reject(error)
    this.#waiting.clear()
    this.#events.onClose(error)
  }
}

export function decodeFailure(reader: Reader): FsError {
  return errorOf(failure.decode(reader))
}

/** The error that a server sent, as it was thrown there. */
export function errorOf(value: ValueOf<typeof failure>): FsError {
  const details: Record<string, string | number> = {}
  for (const { key, text, number } of value.details) details[key] = number ?? text ?? ''
  return new FsError(codeOfWire(value.code), value.message, details)
}

function connected(address: Address, connectMs: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const tls = 'host' in address ? address.tls : undefined
    const socket =
      'host' in address && tls !== undefined
        ? tls.dial(address.host, address.port)
        : connect({ ...address, noDelay: true })
    const ready = tls === undefined ? 'connect' : 'secureConnect'
    const timer = setTimeout(() => socket.destroy(new Error('connecting took too long')), connectMs)
    const onReady = (): void => {
      settle()
      resolve(socket)
    }
    const onError = (error: Error): void => {
      settle()
      // What else it says while it ends is of no interest.
      socket.on('error', () => undefined)
      reject(tls?.refusalOf(error) ?? asUnavailable(error))
    }
    const settle = (): void => {
      clearTimeout(timer)
      socket.off(ready, onReady)
      socket.off('error', onError)
    }
    socket.once(ready, onReady)
    socket.once('error', onError)
  })
}

function asUnavailable(error: Error): FsError {
  const known = fromNodeError(error, 'connect')
  if (known instanceof FsError && known.code !== 'NOT_FOUND') return known
  return new FsError('UNAVAILABLE', `cannot reach the server: ${error.message}`, {}, { cause: error })
}
