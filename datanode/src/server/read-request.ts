/**
 * Serves one read: verified packets of up to 1 MiB, the next read from disk while the last one leaves. At
 * most three packets are in memory, however slowly the reader takes them. A chunk that fails its checksum
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
      if (end === wanted.offset) this.#send(wanted.offset, [], undefined, true)
      for (let position = wanted.offset; position < end && this.#channel.isOpen; ) {
        // Packets end where the block's megabytes end, so that all but the first and last are whole chunks.
        const stop = Math.min(end, position - (position % PACKET_BYTES_MAX) + PACKET_BYTES_MAX)
        await this.#sendPacket(held.file, position, stop, stop === end)
        position = stop
      }
    } catch (error) {
      if (isFsError(error, 'CORRUPT')) await this.#service.foundBad(name, error)
      throw error
    } finally {
      held.release()
    }
  }

  async #sendPacket(file: BlockFile, position: number, stop: number, last: boolean): Promise<void> {
    const { buffers } = this.#service.store
    const memory = buffers.take(spanBytes(position, stop))
    try {
      const { bytes, crcs } = await readSteadily(file, position, stop, memory)
      await this.#room()
      this.#service.counters.bytesRead.inc(bytes.length)
      this.#send(position, crcs, { bytes, memory }, last)
    } catch (error) {
      buffers.give(memory)
      throw error
    }
  }

  #send(
    offset: number,
    crcs: number[],
    packet: { readonly bytes: Buffer; readonly memory: Buffer } | undefined,
    last: boolean,
  ): void {
    const head = { offset, crcs, last }
    if (packet === undefined) {
      this.#channel.send(BLOCK_FRAME.data, this.#request, dataHead, head)
      return
    }
    this.#unsent += 1
    this.#channel.send(BLOCK_FRAME.data, this.#request, dataHead, head, packet.bytes, () => {
      this.#service.store.buffers.give(packet.memory)
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

/** Bytes of the whole chunks that a range touches. */
function spanBytes(position: number, stop: number): number {
  return chunksTouched(position, stop - position) * CHECKSUM_CHUNK_BYTES
}
