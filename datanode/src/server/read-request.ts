/**
 * Serves one read: verified packets of up to 1 MiB, the next read from disk while the last one leaves. At
 * most four packets are in memory, however slowly the reader takes them. A chunk that fails its checksum
 * ends the read before any of its bytes is sent.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import {
  BLOCK_FRAME,
  data as dataHead,
  PACKET_BYTES_MAX,
  type readRequest,
} from '@hopbine/common/protocol/block.ts'
import { CAPABILITY_MODE } from '@hopbine/common/protocol/capability.ts'
import type { BlockChannel } from '@hopbine/common/rpc/block-channel.ts'
import { chunksTouched } from '@hopbine/common/wire/chunk-crc.ts'
import type { ValueOf } from '@hopbine/common/wire/codec.ts'
import type { BlockFile } from '../store/block-file.ts'
import type { BlockService } from './service.ts'

/** Packets given to the socket that it has not sent. */
const UNSENT_PACKETS_MAX = 2

interface Packet {
  readonly offset: number
  readonly bytes: Buffer
  readonly crcs: number[]
  readonly memory: Buffer
}

export class ReadRequest {
  readonly #service: BlockService
  readonly #channel: BlockChannel
  readonly #request: number
  #unsent = 0
  #wake: (() => void) | undefined

  constructor(service: BlockService, channel: BlockChannel, request: number) {
    this.#service = service
    this.#channel = channel
    this.#request = request
  }

  /** Resolves when everything has been given to the socket. Throws what the reader must be told. */
  async serve(wanted: ValueOf<typeof readRequest>): Promise<void> {
    this.#service.authorize(wanted, CAPABILITY_MODE.read)
    const name = { blockId: wanted.blockId, group: wanted.group }
    const held = await this.#service.store.use(name)
    try {
      const end = endOf(wanted.offset, wanted.length, held.file)
      if (end > wanted.offset) await this.#sendAll(held.file, wanted.offset, end)
      else this.#channel.send(BLOCK_FRAME.data, this.#request, dataHead, emptyAt(end))
    } catch (error) {
      if (isFsError(error, 'CORRUPT')) await this.#service.foundBad(name, error)
      throw error
    } finally {
      held.release()
    }
  }

  /** The next packet comes from disk while this one is verified and sent. */
  async #sendAll(file: BlockFile, offset: number, end: number): Promise<void> {
    let ahead: Promise<Packet> | undefined = this.#load(file, offset, end)
    while (ahead !== undefined) {
      const packet: Packet = await ahead
      const next = packet.offset + packet.bytes.length
      ahead = next < end && this.#channel.isOpen ? this.#load(file, next, end) : undefined
      // It is awaited in its turn; until then a failure is only not looked at.
      ahead?.catch(() => undefined)
      await this.#room()
      this.#send(packet, next === end)
    }
  }

  /** Reads and verifies what one packet carries from `offset` on. */
  async #load(file: BlockFile, offset: number, end: number): Promise<Packet> {
    // Packets end where the block's megabytes end, so that all but the first and last are whole chunks.
    const stop = Math.min(end, offset - (offset % PACKET_BYTES_MAX) + PACKET_BYTES_MAX)
    const { buffers } = this.#service.store
    const memory = buffers.take(chunksTouched(offset, stop - offset) * CHECKSUM_CHUNK_BYTES)
    try {
      const { bytes, crcs } = await readSteadily(file, offset, stop, memory)
      return { offset, bytes, crcs, memory }
    } catch (error) {
      buffers.give(memory)
      throw error
    }
  }

  #send({ offset, bytes, crcs, memory }: Packet, last: boolean): void {
    this.#service.counters.bytesRead.inc(bytes.length)
    this.#unsent += 1
    this.#channel.send(BLOCK_FRAME.data, this.#request, dataHead, { offset, crcs, last }, bytes, () => {
      this.#service.store.buffers.give(memory)
      this.#unsent -= 1
      this.#wake?.()
    })
  }

  async #room(): Promise<void> {
    while (this.#unsent >= UNSENT_PACKETS_MAX) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

function emptyAt(offset: number): ValueOf<typeof dataHead> {
  return { offset, crcs: [], last: true }
}

function endOf(offset: number, length: number, file: BlockFile): number {
  if (offset < 0 || length < -1) throw new FsError('INVALID_ARGUMENT', 'a read needs a range')
  const held = file.length
  const end = length === -1 ? Math.max(held, offset) : offset + length
  if (end > held) {
    throw new FsError('BLOCK_NOT_FOUND', `the copy holds ${held} bytes, not ${end}`, { length: held })
  }
  return end
}

/** Reads again when the block was cut meanwhile: then the view was old, not the bytes bad. */
async function readSteadily(
  file: BlockFile,
  position: number,
  stop: number,
  memory: Buffer,
): Promise<{ bytes: Buffer; crcs: number[] }> {
  for (;;) {
    const view = file.view()
    if (stop > view.length)
      throw new FsError('BLOCK_NOT_FOUND', `the copy holds ${view.length} bytes, not ${stop}`)
    try {
      return await file.read(view, position, stop, memory)
    } catch (error) {
      if (file.view().cuts === view.cuts) throw error
    }
  }
}
