/** A client that sends any bytes at all and reads what comes back. Test only. */
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { FsError } from '../base/errors.ts'
import type { Method } from '../protocol/method.ts'
import { hello } from '../protocol/session.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { decodeFailure } from '../rpc/connection.ts'
import { FRAME_KIND, FrameCutter } from '../wire/frame.ts'
import type { Reader } from '../wire/reader.ts'
import { Writer } from '../wire/writer.ts'

export interface RawAnswer {
  readonly kind: number
  readonly id: number
  readonly error: FsError | undefined
}

export interface RequestFields {
  readonly id?: number
  readonly principal?: number
  readonly shard?: number
  readonly sequence?: number
  readonly behind?: number
}

export class RawClient {
  readonly socket: Socket
  readonly answers: RawAnswer[] = []
  isClosed = false
  readonly #cutter = new FrameCutter(64 * 1024 * 1024)

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', chunk => this.#cutter.push(chunk, reader => this.#take(reader)))
    socket.on('close', () => {
      this.isClosed = true
    })
    // The server may cut us off at any time: 'close' follows.
    socket.on('error', () => undefined)
  }

  static async connect(path: string): Promise<RawClient> {
    const socket = connect({ path })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  /** Connected and greeted. */
  static async greeted(path: string, clientId = 'f'.repeat(32)): Promise<RawClient> {
    const client = await RawClient.connect(path)
    client.send(requestFrame(hello, { version: PROTOCOL_VERSION, versionOldest: 1, clientId }))
    await client.until(() => client.answers.length > 0 || client.isClosed)
    return client
  }

  send(bytes: Uint8Array): void {
    this.socket.write(bytes)
  }

  /** Waits until something is so; fails after five seconds. */
  async until(isSo: () => boolean): Promise<void> {
    for (let waited = 0; !isSo(); waited += 5) {
      if (waited > 5_000) throw new Error('it did not come to this')
      await new Promise(resolve => setTimeout(resolve, 5))
    }
  }

  /** The error with which the server ended the connection. */
  async ended(): Promise<FsError | undefined> {
    await this.until(() => this.isClosed)
    return this.answers.at(-1)?.error
  }

  close(): void {
    this.socket.destroy()
  }

  #take(reader: Reader): void {
    const kind = reader.u8()
    reader.u8()
    reader.u16()
    const id = reader.u32()
    reader.f64()
    this.answers.push({ kind, id, error: kind === FRAME_KIND.failure ? decodeFailure(reader) : undefined })
  }
}

/** A request as a client sends it. */
export function requestFrame<Req>(
  method: Method<Req, unknown>,
  request: Req,
  fields: RequestFields = {},
): Buffer {
  const writer = new Writer(64)
  method.request.encode(writer, request)
  return frameOf(method.id, writer.copy(), fields)
}

/** A request with any payload. */
export function frameOf(method: number, payload: Uint8Array, fields: RequestFields = {}): Buffer {
  const writer = new Writer(64)
  writer.u32(0)
  writer.u8(FRAME_KIND.request)
  writer.u8(0)
  writer.u16(method)
  writer.u32(fields.id ?? 1)
  writer.u16(fields.principal ?? 0)
  writer.u16(fields.shard ?? 0)
  writer.f64(fields.sequence ?? 0)
  writer.u32(fields.behind ?? 0)
  writer.raw(payload)
  writer.patchU32(0, writer.position - 4)
  return writer.copy()
}
