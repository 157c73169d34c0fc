/**
 * Reads ranges of blocks from one other member over one connection, a range at a time, every byte verified on
 * arrival. It never reconnects: after a failure its owner opens a new one or asks another member.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { BLOCK_FRAME, data as dataHead, readRequest } from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { BlockChannel, type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import { chunksTouched, firstBadChunk } from '@hopbine/common/wire/chunk-crc.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'

/** A member that owes bytes and is silent so long counts as lost, in milliseconds. */
const SILENCE_MS = 25_000

/** The range being read: where its bytes go, and how many have come. */
interface Reading {
  readonly offset: number
  readonly target: Uint8Array
  readonly resolve: () => void
  readonly reject: (error: Error) => void
  arrived: number
}

interface Incoming {
  readonly offset: number
  readonly bytes: Uint8Array
  readonly crcs: readonly number[]
}

export class PeerReader implements ChannelHandler {
  #channel: BlockChannel | undefined
  #request = 0
  #reading: Reading | undefined
  #incoming: Incoming | undefined

  /** Throws UNAVAILABLE. */
  static async connect(node: DatanodeAddress): Promise<PeerReader> {
    const peer = new PeerReader()
    peer.#channel = await BlockChannel.connect(node, peer)
    return peer
  }

  get isOpen(): boolean {
    return this.#channel?.isOpen ?? false
  }

  /** Fills `target` with the block's bytes from `offset` on. One call at a time. */
  read(block: LocatedBlock, offset: number, target: Uint8Array): Promise<void> {
    const { capability, blockId, generation, group } = block
    const { length } = target
    const channel = this.#channel
    return new Promise((resolve, reject) => {
      if (channel === undefined || !channel.isOpen) {
        reject(new FsError('UNAVAILABLE', 'the connection to the other member is gone'))
        return
      }
      this.#request += 1
      this.#reading = { offset, target, resolve, reject, arrived: 0 }
      channel.limitSilence(SILENCE_MS)
      const wanted = { capability, blockId, generation, group, offset, length }
      channel.send(BLOCK_FRAME.read, this.#request, readRequest, wanted)
    })
  }

  close(): void {
    this.#channel?.destroy()
  }

  frame(kind: number, request: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    const reading = this.#reading
    if (kind === BLOCK_FRAME.failure) return this.#end(failureOf(head))
    if (kind !== BLOCK_FRAME.data || reading === undefined || request !== this.#request) {
      throw new FsError('BAD_FRAME', `frame kind ${kind} answers no read`)
    }
    const { offset, crcs } = dataHead.decode(head)
    const fits = dataBytes > 0 && dataBytes <= reading.target.length - reading.arrived
    if (
      !fits ||
      offset !== reading.offset + reading.arrived ||
      crcs.length !== chunksTouched(offset, dataBytes)
    ) {
      throw new FsError('BAD_FRAME', 'a packet does not follow the one before it')
    }
    const bytes = reading.target.subarray(reading.arrived, reading.arrived + dataBytes)
    this.#incoming = { offset, bytes, crcs }
    return bytes
  }

  landed(): void {
    const incoming = this.#incoming
    const reading = this.#reading
    if (incoming === undefined || reading === undefined) return
    this.#incoming = undefined
    const { offset, bytes, crcs } = incoming
    if (firstBadChunk(bytes, offset, 0, crcs) !== -1) {
      throw new FsError('CORRUPT', `bytes at ${offset} were damaged on the way`)
    }
    reading.arrived += bytes.length
    if (reading.arrived === reading.target.length) this.#end()
  }

  closed(error: FsError): void {
    this.#end(error)
  }

  #end(error?: FsError): undefined {
    const reading = this.#reading
    this.#reading = undefined
    this.#channel?.limitSilence(0)
    if (reading === undefined) return
    if (error === undefined) reading.resolve()
    else reading.reject(error)
  }
}
