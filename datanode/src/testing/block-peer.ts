/**
 * The other end of the block port for the datanode's own tests: says frames as they are and hears the
 * answers, right or wrong. It retries nothing and hides nothing.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_FRAME,
  data,
  heldBlocks,
  listAnswer,
  listRequest,
  PACKET_BYTES_MAX,
  packet,
  progress,
  readRequest,
  ready,
  statAnswer,
  statRequest,
  writeRequest,
} from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { BlockChannel, type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import { chunkCrcs, chunkStart, firstBadChunk } from '@hopbine/common/wire/chunk-crc.ts'
import { type Codec, nothing, type ValueOf } from '@hopbine/common/wire/codec.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'

interface Answer {
  readonly kind: number
  readonly head: Buffer
  readonly data: Buffer
}

export class BlockPeer implements ChannelHandler {
  channel!: BlockChannel
  /** Why the connection ended. */
  ended: FsError | undefined
  readonly #answers: Answer[] = []
  #incoming: Answer | undefined
  #wake: (() => void) | undefined
  #request = 0
  #position = 0
  #tailCrc = 0

  static async connect(address: DatanodeAddress): Promise<BlockPeer> {
    const peer = new BlockPeer()
    peer.channel = await BlockChannel.connect(address, peer)
    return peer
  }

  say<T>(kind: number, codec: Codec<T>, value: T, bytes?: Uint8Array): void {
    this.channel.send(kind, this.#request, codec, value, bytes)
  }

  /** The next answer, decoded; a failure is thrown, and so is the end of the connection. */
  async hear<T>(kind: number, codec: Codec<T>): Promise<{ head: T; data: Buffer }> {
    while (this.#answers.length === 0) {
      if (this.ended !== undefined) throw this.ended
      await this.#changed()
    }
    const answer = this.#answers.shift() as Answer
    const head = new Reader(answer.head)
    if (answer.kind === BLOCK_FRAME.failure) throw failureOf(head)
    if (answer.kind !== kind) throw new FsError('BAD_FRAME', `heard ${answer.kind} instead of ${kind}`)
    return { head: codec.decode(head), data: answer.data }
  }

  /** Starts a write and goes on where the answer says. */
  async open(block: LocatedBlock, offset: number): Promise<ValueOf<typeof ready>> {
    this.#request += 1
    const [, ...chain] = block.members
    const { capability, blockId, generation, group } = block
    this.say(BLOCK_FRAME.write, writeRequest, { capability, blockId, generation, group, offset, chain })
    const { head } = await this.hear(BLOCK_FRAME.ready, ready)
    this.#position = head.length
    this.#tailCrc = head.tailCrc
    return head
  }

  /** Sends bytes in packets of at most `packetBytes`. */
  push(bytes: Uint8Array, packetBytes = PACKET_BYTES_MAX): void {
    for (let at = 0; at < bytes.length; at += packetBytes) {
      const part = bytes.subarray(at, at + packetBytes)
      const crcs = chunkCrcs(part, this.#position, this.#tailCrc)
      this.say(BLOCK_FRAME.packet, packet, { offset: this.#position, crcs }, part)
      this.#position += part.length
      this.#tailCrc = chunkStart(this.#position) === this.#position ? 0 : (crcs.at(-1) as number)
    }
  }

  /** Waits until everything pushed is acknowledged. */
  async acknowledged(): Promise<void> {
    for (let reached = -1; reached < this.#position; ) {
      reached = (await this.hear(BLOCK_FRAME.ack, progress)).head.length
    }
  }

  sync(): Promise<number> {
    this.say(BLOCK_FRAME.sync, nothing, {})
    return this.#mark(BLOCK_FRAME.synced)
  }

  seal(length = this.#position): Promise<number> {
    this.say(BLOCK_FRAME.seal, progress, { length })
    return this.#mark(BLOCK_FRAME.sealed)
  }

  finish(): Promise<number> {
    this.say(BLOCK_FRAME.end, nothing, {})
    return this.#mark(BLOCK_FRAME.ended)
  }

  /** Reads a range whole and verifies what comes. */
  async read(block: LocatedBlock, offset = 0, length = -1): Promise<Buffer> {
    this.#request += 1
    const { capability, blockId, generation, group } = block
    this.say(BLOCK_FRAME.read, readRequest, { capability, blockId, generation, group, offset, length })
    const parts: Buffer[] = []
    for (let at = offset; ; ) {
      const answer = await this.hear(BLOCK_FRAME.data, data)
      if (answer.head.offset !== at) throw new FsError('BAD_FRAME', 'a packet is missing')
      if (firstBadChunk(answer.data, at, 0, answer.head.crcs) !== -1)
        throw new FsError('CORRUPT', 'on the wire')
      parts.push(answer.data)
      at += answer.data.length
      if (answer.head.last) return Buffer.concat(parts)
    }
  }

  async stat(block: LocatedBlock): Promise<ValueOf<typeof statAnswer>> {
    this.#request += 1
    const { capability, blockId, generation, group } = block
    this.say(BLOCK_FRAME.stat, statRequest, { capability, blockId, generation, group })
    return (await this.hear(BLOCK_FRAME.statAnswer, statAnswer)).head
  }

  async list(capability: Uint8Array, after: number, max: number): Promise<ValueOf<typeof heldBlocks>> {
    this.#request += 1
    this.say(BLOCK_FRAME.list, listRequest, { capability, after, max })
    const answer = await this.hear(BLOCK_FRAME.listAnswer, listAnswer)
    return heldBlocks.decode(new Reader(answer.data))
  }

  close(): void {
    this.channel.destroy()
  }

  frame(kind: number, _request: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    const held = Buffer.allocUnsafe(head.remaining)
    for (let at = 0; at < held.length; at++) held[at] = head.u8()
    const answer = { kind, head: held, data: Buffer.alloc(dataBytes) }
    if (dataBytes === 0) {
      this.#add(answer)
      return undefined
    }
    this.#incoming = answer
    return answer.data
  }

  landed(): void {
    if (this.#incoming !== undefined) this.#add(this.#incoming)
  }

  closed(error: FsError): void {
    this.ended = error
    this.#wake?.()
  }

  /** The answer to a mark, after the acknowledgements before it. */
  async #mark(kind: number): Promise<number> {
    for (;;) {
      while (this.#answers.length === 0 && this.ended === undefined) await this.#changed()
      if (this.#answers[0]?.kind !== BLOCK_FRAME.ack) return (await this.hear(kind, progress)).head.length
      this.#answers.shift()
    }
  }

  #changed(): Promise<void> {
    return new Promise(resolve => {
      this.#wake = resolve
    })
  }

  #add(answer: Answer): void {
    this.#answers.push(answer)
    this.#wake?.()
  }
}
