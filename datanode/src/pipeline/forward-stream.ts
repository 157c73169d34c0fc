/**
 * The next link of a chain: sends on what this member receives, and hears how far the members behind have
 * come. It does not retry; when it fails the whole write fails and names the member, and the client goes on
 * in another block.
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
import type { DatanodeAddress } from '@hopbine/common/protocol/types.ts'
import { BlockChannel, type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import { nothing, type ValueOf } from '@hopbine/common/wire/codec.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'

export interface ForwardEvents {
  /** Every member behind has verified and written everything below `length`. */
  acknowledged(length: number): void
  failed(error: FsError): void
}

interface Waiter {
  readonly kind: number
  resolve(): void
  reject(error: FsError): void
}

/** A member that owes an answer and is silent so long counts as lost, in milliseconds. */
const SILENCE_MS = 25_000
/** The only request on its connection. */
const REQUEST = 1

export class ForwardStream implements ChannelHandler {
  readonly #node: DatanodeAddress
  readonly #events: ForwardEvents
  #channel: BlockChannel | undefined
  #opening: { resolve(answer: ValueOf<typeof ready>): void; reject(error: Error): void } | undefined
  readonly #waiters: Waiter[] = []
  #sent = 0
  #acknowledged = 0
  /** Before it, a failure is what `open` throws. */
  #isReady = false
  #isOver = false

  private constructor(node: DatanodeAddress, events: ForwardEvents) {
    this.#node = node
    this.#events = events
  }

  /** Opens the block at exactly `offset` at every member of the chain. */
  static async open(
    chain: readonly DatanodeAddress[],
    request: Omit<ValueOf<typeof writeRequest>, 'chain'>,
    tailCrc: number,
    events: ForwardEvents,
  ): Promise<ForwardStream> {
    const [node, ...rest] = chain
    if (node === undefined) throw new FsError('INVALID_ARGUMENT', 'a chain needs a member')
    const stream = new ForwardStream(node, events)
    stream.#sent = request.offset
    stream.#acknowledged = request.offset
    try {
      const channel = await BlockChannel.connect(node, stream)
      stream.#channel = channel
      channel.limitSilence(SILENCE_MS)
      const answer = await new Promise<ValueOf<typeof ready>>((resolve, reject) => {
        stream.#opening = { resolve, reject }
        channel.send(BLOCK_FRAME.write, REQUEST, writeRequest, { ...request, chain: rest })
      })
      if (answer.length !== request.offset || answer.tailCrc !== tailCrc) {
        throw new FsError('CORRUPT', `the copy at ${node.nodeId} differs from the one before it`)
      }
      stream.#isReady = true
      stream.#settleSilence()
      return stream
    } catch (error) {
      stream.close()
      throw error instanceof FsError ? stream.#named(error) : error
    }
  }

  /** `taken` is called once, when the bytes have left or the stream is gone. */
  sendPacket(offset: number, crcs: readonly number[], bytes: Uint8Array, taken: () => void): void {
    this.#sent = offset + bytes.length
    this.#settleSilence()
    this.#open().send(BLOCK_FRAME.packet, REQUEST, packetHead, { offset, crcs: [...crcs] }, bytes, taken)
  }

  async sync(): Promise<void> {
    this.#open().send(BLOCK_FRAME.sync, REQUEST, nothing, {})
    await this.#wait(BLOCK_FRAME.synced)
  }

  async seal(length: number): Promise<void> {
    this.#open().send(BLOCK_FRAME.seal, REQUEST, progress, { length })
    await this.#wait(BLOCK_FRAME.sealed)
  }

  /** Ends the stream; no event comes any more, and what waits for the members behind fails. */
  close(): void {
    if (this.#isOver) return
    this.#isOver = true
    this.#channel?.destroy()
    this.#rejectWaiters(this.#named(new FsError('UNAVAILABLE', 'the chain was given up')))
  }

  frame(kind: number, _request: number, head: Reader): undefined {
    if (kind === BLOCK_FRAME.failure) return this.#end(failureOf(head))
    const opening = this.#opening
    if (kind === BLOCK_FRAME.ready && opening !== undefined) {
      this.#opening = undefined
      opening.resolve(ready.decode(head))
      return
    }
    const { length } = progress.decode(head)
    if (length > this.#sent) throw new FsError('BAD_FRAME', 'an answer for what was not sent')
    if (length > this.#acknowledged) {
      this.#acknowledged = length
      this.#events.acknowledged(length)
    }
    if (kind !== BLOCK_FRAME.ack) this.#answered(kind)
    this.#settleSilence()
  }

  landed(): void {
    throw new FsError('BAD_FRAME', 'an answer to a write carries no data')
  }

  closed(error: FsError): void {
    this.#end(error)
  }

  #answered(kind: number): void {
    const waiter = this.#waiters.shift()
    if (waiter?.kind !== kind) throw new FsError('BAD_FRAME', `frame kind ${kind} answers nothing`)
    waiter.resolve()
  }

  #wait(kind: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ kind, resolve, reject })
      this.#settleSilence()
    })
  }

  #end(error: FsError): undefined {
    if (this.#isOver) return
    this.#isOver = true
    const named = this.#named(error)
    const opening = this.#opening
    this.#opening = undefined
    this.#channel?.destroy()
    this.#rejectWaiters(named)
    if (opening !== undefined) opening.reject(named)
    else if (this.#isReady) this.#events.failed(named)
  }

  #rejectWaiters(error: FsError): void {
    for (const waiter of this.#waiters.splice(0)) waiter.reject(error)
  }

  #open(): BlockChannel {
    if (this.#channel === undefined || this.#isOver) {
      throw this.#named(new FsError('UNAVAILABLE', `the chain to ${this.#node.nodeId} is broken`))
    }
    return this.#channel
  }

  #settleSilence(): void {
    const owes = this.#opening !== undefined || this.#waiters.length > 0 || this.#acknowledged < this.#sent
    this.#channel?.limitSilence(owes ? SILENCE_MS : 0)
  }

  #named(error: FsError): FsError {
    if (error.details[FAILED_NODE] !== undefined) return error
    const details = { ...error.details, [FAILED_NODE]: this.#node.nodeId }
    return new FsError(error.code, error.message, details, { cause: error })
  }
}
