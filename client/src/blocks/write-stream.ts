/**
 * One write request on one connection: opens it, sends packets and marks, and tells progress. It lives as
 * long as the connection does; `BlockWriter` decides what happens after it.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_FRAME,
  FAILED_NODE,
  packet as packetHead,
  progress,
  ready,
  writeRequest,
} from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import { nothing, type ValueOf } from '@hopbine/common/wire/codec.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import type { BlockPool, Lent } from './block-pool.ts'
import type { Packet } from './packet-window.ts'

export type Ready = ValueOf<typeof ready>
export type Mark = 'ack' | 'synced' | 'sealed' | 'ended'

export interface WriteStreamEvents {
  /** Everything below `length` has reached the mark. An FsError thrown here ends the stream. */
  progress(mark: Mark, length: number): void
  /**
   * The stream is over; called once, and never after `release`. `details.nodeId` names the member that
   * failed.
   */
  failed(error: FsError): void
}

/** A datanode that owes an answer and is silent so long counts as lost, in milliseconds. */
const SILENCE_MS = 30_000

const MARKS: ReadonlyMap<number, Mark> = new Map([
  [BLOCK_FRAME.ack, 'ack'],
  [BLOCK_FRAME.synced, 'synced'],
  [BLOCK_FRAME.sealed, 'sealed'],
  [BLOCK_FRAME.ended, 'ended'],
])

export class WriteStream implements ChannelHandler {
  readonly #node: DatanodeAddress
  readonly #events: WriteStreamEvents
  #lent: Lent | undefined
  #request = 0
  #opening: { resolve(answer: Ready): void; reject(error: Error): void } | undefined
  #waits = false

  private constructor(node: DatanodeAddress, events: WriteStreamEvents) {
    this.#node = node
    this.#events = events
  }

  /** Connects and asks for the block at `offset`; the members after the first make the chain. */
  static async open(
    pool: BlockPool,
    block: LocatedBlock,
    offset: number,
    events: WriteStreamEvents,
  ): Promise<{ stream: WriteStream; answer: Ready }> {
    const [node, ...chain] = block.members
    if (node === undefined) throw new FsError('NO_DATANODE', `block ${block.blockId} has no member`)
    const stream = new WriteStream(node, events)
    try {
      const lent = await pool.lend(node, 'write', stream)
      stream.#lent = lent
      stream.#request = lent.nextRequest()
      const { capability, blockId, generation, group } = block
      stream.#expectAnswer(true)
      const answer = await new Promise<Ready>((resolve, reject) => {
        stream.#opening = { resolve, reject }
        const request = { capability, blockId, generation, group, offset, chain }
        lent.channel.send(BLOCK_FRAME.write, stream.#request, writeRequest, request)
      })
      stream.#expectAnswer(false)
      return { stream, answer }
    } catch (error) {
      stream.release(false)
      throw error instanceof FsError ? withNode(error, node.nodeId) : error
    }
  }

  /** False once the stream has failed or was released. */
  get isOpen(): boolean {
    return this.#lent !== undefined
  }

  /** `taken` is called once, when the packet's memory has left or the stream is gone. */
  sendPacket(packet: Packet, taken: () => void): void {
    this.#expectAnswer(true)
    const head = { offset: packet.offset, crcs: packet.crcs }
    this.#channel().send(BLOCK_FRAME.packet, this.#request, packetHead, head, packet.bytes, taken)
  }

  /** What `work` sends leaves in one piece. */
  together(work: () => void): void {
    this.#channel().together(work)
  }

  /** Answered by `synced` with the length of the block when all packets before it are on disk. */
  sendSync(): void {
    this.#expectAnswer(true)
    this.#channel().send(BLOCK_FRAME.sync, this.#request, nothing, {})
  }

  sendSeal(length: number): void {
    this.#expectAnswer(true)
    this.#channel().send(BLOCK_FRAME.seal, this.#request, progress, { length })
  }

  sendEnd(): void {
    this.#expectAnswer(true)
    this.#channel().send(BLOCK_FRAME.end, this.#request, nothing, {})
  }

  /** Nothing more is owed for now; silence is fine again. */
  rest(): void {
    this.#expectAnswer(false)
  }

  /** Gives the connection back; no event comes any more. */
  release(reusable: boolean): void {
    const lent = this.#lent
    this.#lent = undefined
    lent?.release(reusable)
  }

  frame(kind: number, request: number, head: Reader): undefined {
    if (this.#lent === undefined) return
    if (request !== this.#request && request !== 0) throw new FsError('BAD_FRAME', 'an answer to no request')
    if (kind === BLOCK_FRAME.failure) return this.#end(failureOf(head))
    const opening = this.#opening
    if (kind === BLOCK_FRAME.ready && opening !== undefined) {
      this.#opening = undefined
      return opening.resolve(ready.decode(head)) as undefined
    }
    const mark = MARKS.get(kind)
    if (mark === undefined) throw new FsError('BAD_FRAME', `frame kind ${kind} answers no write`)
    this.#events.progress(mark, progress.decode(head).length)
  }

  landed(): void {
    throw new FsError('BAD_FRAME', 'an answer to a write carries no data')
  }

  closed(error: FsError): void {
    this.#end(error)
  }

  #end(error: FsError): undefined {
    const opening = this.#opening
    this.#opening = undefined
    if (opening !== undefined) return opening.reject(error) as undefined
    if (this.#lent === undefined) return
    this.release(false)
    this.#events.failed(withNode(error, this.#node.nodeId))
  }

  #channel(): Lent['channel'] {
    if (this.#lent === undefined) throw new FsError('UNAVAILABLE', 'the stream has ended')
    return this.#lent.channel
  }

  #expectAnswer(waits: boolean): void {
    if (this.#waits === waits) return
    this.#waits = waits
    this.#lent?.channel.limitSilence(waits ? SILENCE_MS : 0)
  }
}

function withNode(error: FsError, nodeId: string): FsError {
  if (error.details[FAILED_NODE] !== undefined) return error
  return new FsError(error.code, error.message, { ...error.details, [FAILED_NODE]: nodeId }, { cause: error })
}
