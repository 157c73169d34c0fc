/**
 * One end of a connection of the block protocol: cuts frames, lands their data straight in memory that the
 * handler names, and sends frames without copying data. It knows no request, keeps no queue but the socket's,
 * and never reconnects. Memory: 32 KiB for heads, plus what the handler hands out.
 */
import { connect, Socket } from 'node:net'
import { FsError, fromNodeError, isFsError } from '../base/errors.ts'
import {
  agreedVersion,
  BLOCK_FRAME,
  BLOCK_HEAD_BYTES_MAX,
  BLOCK_HEADER_BYTES,
  encodePreface,
  hasLocalSocket,
  localSocketName,
  PACKET_BYTES_MAX,
  PREFACE_BYTES,
} from '../protocol/block.ts'
import { type DatanodeAddress, failure } from '../protocol/types.ts'
import type { Codec } from '../wire/codec.ts'
import { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'
import { decodeFailure } from './connection.ts'
import { encodeFailure } from './server-connection.ts'

export interface ChannelHandler {
  /**
   * A frame has come. The head is valid only during the call. With `dataBytes` above 0 it returns memory of
   * exactly that length for the data. An FsError thrown here ends the channel.
   */
  frame(kind: number, request: number, head: Reader, dataBytes: number): Uint8Array | undefined
  /** The data of the frame told last is complete. */
  landed(): void
  /**
   * The channel is gone; called once. Memory that was named for data which has not landed may still be
   * written to: let it go, never use it again, unless it was `destroy` that ended the channel.
   */
  closed(error: FsError): void
}

const STAGING_BYTES = 32 * 1024
/** Time to connect, in milliseconds; longer: UNAVAILABLE. */
const CONNECT_MS = 5_000
/** After a fatal failure was sent: time for the peer to read it, in milliseconds. */
const LINGER_MS = 2_000

export class BlockChannel {
  handler: ChannelHandler
  readonly #socket: Socket
  readonly #outgoing = new Writer(1024)
  readonly #staging = Buffer.allocUnsafeSlow(STAGING_BYTES)
  #start = 0
  #end = 0
  #landing: Uint8Array | undefined
  #landedBytes = 0
  #greeted = false
  #prefaceSent = false
  #closed: FsError | undefined

  private constructor(handler: ChannelHandler, makeSocket: (channel: BlockChannel) => Socket) {
    this.handler = handler
    this.#socket = makeSocket(this)
    this.#socket.on('error', error => this.#close(asUnavailable(error)))
    this.#socket.on('end', () => this.#close(new FsError('UNAVAILABLE', 'the peer ended the connection')))
    this.#socket.on('close', () => this.#close(new FsError('UNAVAILABLE', 'the connection was closed')))
    this.#socket.resume()
  }

  /**
   * Resolves when connected; the handler hears of everything later. On the datanode's own machine it takes
   * the local socket where there is one. Throws UNAVAILABLE.
   */
  static async connect(address: DatanodeAddress, handler: ChannelHandler): Promise<BlockChannel> {
    const { host, port } = address
    if (hasLocalSocket(host)) {
      const local = await BlockChannel.#open({ path: localSocketName(address) }, handler)
      if (!isFsError(local)) return local
    }
    const channel = await BlockChannel.#open({ host, port }, handler)
    if (!isFsError(channel)) return channel
    const message = `cannot connect to ${host}:${port}: ${channel.message}`
    throw new FsError('UNAVAILABLE', message, {}, { cause: channel })
  }

  /** The channel once it is connected, or why not; of that the handler hears nothing. */
  static #open(
    where: { path: string } | { host: string; port: number },
    handler: ChannelHandler,
  ): Promise<BlockChannel | FsError> {
    return new Promise(resolve => {
      const refused: ChannelHandler = { frame: () => undefined, landed: () => undefined, closed: resolve }
      const channel = new BlockChannel(refused, self =>
        connect({ ...where, noDelay: true, onread: self.#onread() }),
      )
      const socket = channel.#socket
      const timer = setTimeout(() => socket.destroy(new Error('connecting took too long')), CONNECT_MS)
      socket.once('close', () => clearTimeout(timer))
      socket.once('connect', () => {
        clearTimeout(timer)
        channel.handler = handler
        resolve(channel)
      })
    })
  }

  /**
   * Takes over an accepted socket; the server must set `pauseOnConnect`. Node offers `onread`, which costs a
   * third of 'data' events, for outgoing sockets only, so the handle moves into a new socket. Should a later
   * Node hide the handle, 'data' events do the same work.
   */
  static accept(socket: Socket, handler: ChannelHandler): BlockChannel {
    const bare = socket as Socket & { _handle?: unknown }
    if (typeof bare._handle !== 'object' || bare._handle === null) {
      const channel = new BlockChannel(handler, () => socket)
      socket.on('data', chunk => channel.#copyIn(chunk))
      return channel
    }
    const handle = bare._handle
    bare._handle = null
    return new BlockChannel(handler, self => {
      const options = { handle, onread: self.#onread(), noDelay: true }
      const moved = new Socket(options as ConstructorParameters<typeof Socket>[0])
      // The emptied socket is what the server counts.
      moved.once('close', () => socket.destroy())
      return moved
    })
  }

  get isOpen(): boolean {
    return this.#closed === undefined
  }

  /** Bytes given to `send` that the operating system has not taken. */
  get unsentBytes(): number {
    return this.#socket.writableLength
  }

  /**
   * Sends one frame. `data` must stay unchanged until `flushed` is called, which happens exactly once: when
   * the operating system has taken it, or when the channel is gone.
   */
  send<T>(
    kind: number,
    request: number,
    codec: Codec<T>,
    value: T,
    data?: Uint8Array,
    flushed?: () => void,
  ): void {
    if (this.#closed !== undefined) {
      if (flushed !== undefined) process.nextTick(flushed)
      return
    }
    this.#begin()
    const writer = this.#outgoing
    const start = writer.position
    writer.u32(0)
    writer.u32(data?.length ?? 0)
    writer.u8(kind)
    writer.u8(0)
    writer.u16(0)
    writer.u32(request)
    codec.encode(writer, value)
    writer.patchU32(start, writer.position - start - BLOCK_HEADER_BYTES)
    if (data === undefined) {
      this.#socket.write(writer.copy(), flushed)
    } else {
      this.#socket.cork()
      this.#socket.write(writer.copy())
      this.#socket.write(data, flushed)
      this.#socket.uncork()
    }
    writer.reset()
  }

  /** What `work` sends leaves in one piece, so that the peer wakes once. */
  together(work: () => void): void {
    this.#socket.cork()
    try {
      work()
    } finally {
      this.#socket.uncork()
    }
  }

  /** Answers a request with a failure; the channel stays open. */
  fail(request: number, error: FsError): void {
    this.send(BLOCK_FRAME.failure, request, failureHead, error)
  }

  /** Sends a failure and ends the channel once the peer could read it. */
  failAndEnd(request: number, error: FsError): void {
    if (this.#closed !== undefined) return
    this.fail(request, error)
    this.#close(error)
    this.#socket.end()
    const timer = setTimeout(() => this.#socket.destroy(), LINGER_MS)
    timer.unref()
    this.#socket.once('close', () => clearTimeout(timer))
  }

  /** Stops reading; a few frames that were read already may still be told. */
  pause(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Keeps, or no longer keeps, the process alive by this channel alone. */
  hold(alive: boolean): void {
    if (alive) this.#socket.ref()
    else this.#socket.unref()
  }

  /**
   * Ends the channel with TIMED_OUT when nothing moves in either direction for so long, in milliseconds; 0:
   * never.
   */
  limitSilence(silenceMs: number): void {
    this.#socket.setTimeout(silenceMs)
    this.#socket.removeAllListeners('timeout')
    if (silenceMs === 0) return
    this.#socket.on('timeout', () => {
      this.destroy(new FsError('TIMED_OUT', `nothing moved for ${silenceMs} ms`))
    })
  }

  destroy(reason = new FsError('UNAVAILABLE', 'the connection was closed')): void {
    this.#close(reason)
    this.#socket.destroy()
  }

  #onread(): { buffer: () => Buffer; callback: (bytes: number) => boolean } {
    return {
      buffer: () => this.#target(),
      callback: bytes => {
        this.#received(bytes)
        return true
      },
    }
  }

  /** Where the next bytes from the socket go. */
  #target(): Buffer {
    const landing = this.#landing
    if (this.#closed !== undefined) return this.#staging
    if (landing === undefined) return this.#staging.subarray(this.#end)
    return Buffer.from(
      landing.buffer,
      landing.byteOffset + this.#landedBytes,
      landing.length - this.#landedBytes,
    )
  }

  #copyIn(chunk: Buffer): void {
    for (let at = 0; at < chunk.length && this.#closed === undefined; ) {
      const copied = chunk.copy(this.#target(), 0, at)
      at += copied
      this.#received(copied)
    }
  }

  #received(bytes: number): void {
    if (this.#closed !== undefined) return
    try {
      if (this.#landing === undefined) {
        this.#end += bytes
        this.#cut()
      } else {
        this.#landedBytes += bytes
        if (this.#landedBytes < this.#landing.length) return
        this.#landing = undefined
        this.handler.landed()
      }
    } catch (error) {
      if (!isFsError(error)) throw error
      this.failAndEnd(0, error)
    }
  }

  /** Tells every frame that the staging memory holds whole, and leaves the next read enough room. */
  #cut(): void {
    if (!this.#greeted) this.#greet()
    while (this.#greeted && this.#landing === undefined && this.#closed === undefined) {
      if (!this.#nextFrame()) break
    }
    if (this.#start === this.#end) {
      this.#start = 0
      this.#end = 0
    } else if (STAGING_BYTES - this.#start < BLOCK_HEADER_BYTES + BLOCK_HEAD_BYTES_MAX) {
      this.#staging.copyWithin(0, this.#start, this.#end)
      this.#end -= this.#start
      this.#start = 0
    }
  }

  #greet(): void {
    if (this.#end < PREFACE_BYTES) return
    agreedVersion(this.#staging.subarray(0, PREFACE_BYTES))
    this.#greeted = true
    this.#start = PREFACE_BYTES
  }

  /** False when the next frame's head is not complete yet. */
  #nextFrame(): boolean {
    const staging = this.#staging
    const available = this.#end - this.#start
    if (available < BLOCK_HEADER_BYTES) return false
    const headBytes = staging.readUInt32LE(this.#start)
    const dataBytes = staging.readUInt32LE(this.#start + 4)
    if (headBytes > BLOCK_HEAD_BYTES_MAX || dataBytes > PACKET_BYTES_MAX) {
      throw new FsError('FRAME_TOO_LARGE', `a frame of ${headBytes} + ${dataBytes} bytes exceeds the limits`)
    }
    if (available < BLOCK_HEADER_BYTES + headBytes) return false
    const kind = staging.readUInt8(this.#start + 8)
    const request = staging.readUInt32LE(this.#start + 12)
    const headStart = this.#start + BLOCK_HEADER_BYTES
    this.#start = headStart + headBytes
    const head = new Reader(staging, headStart, this.#start)
    const target = this.handler.frame(kind, request, head, dataBytes)
    if (dataBytes > 0) this.#land(target, dataBytes)
    return true
  }

  #land(target: Uint8Array | undefined, dataBytes: number): void {
    if (this.#closed !== undefined) return
    if (target?.length !== dataBytes)
      throw new FsError('BAD_FRAME', 'a frame carries data that nobody expects')
    const copied = Math.min(this.#end - this.#start, dataBytes)
    target.set(this.#staging.subarray(this.#start, this.#start + copied))
    this.#start += copied
    if (copied === dataBytes) return this.handler.landed()
    this.#landing = target
    this.#landedBytes = copied
  }

  #begin(): void {
    if (this.#prefaceSent) return
    this.#prefaceSent = true
    this.#socket.write(encodePreface())
  }

  #close(error: FsError): void {
    if (this.#closed !== undefined) return
    this.#closed = error
    this.#landing = undefined
    // 'end' comes before what is unsent has left; a destroyed socket drops it, and nobody is there to read
    // it.
    if (!this.#socket.writableEnded) this.#socket.end()
    this.handler.closed(error)
  }
}

const failureHead: Codec<FsError> = {
  shape: failure.shape,
  missing: new FsError('INTERNAL'),
  encode: encodeFailure,
  decode: decodeFailure,
}

/** The error that a failure frame's head holds. */
export function failureOf(head: Reader): FsError {
  return decodeFailure(head)
}

function asUnavailable(error: Error): FsError {
  const known = fromNodeError(error, 'block connection')
  if (isFsError(known) && known.retry === 'same-node') return known
  return new FsError('UNAVAILABLE', `the block connection failed: ${error.message}`, {}, { cause: error })
}
