/**
 * Asks one datanode what it holds of a block, one question at a time over one connection, without reading
 * the bytes. It connects again when the connection is lost, and remembers a node that cannot be reached.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { BLOCK_FRAME, statAnswer, statRequest } from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { BlockChannel, type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'

export interface HeldCopy {
  readonly length: number
  readonly syncedLength: number
  readonly sealed: boolean
}

/** A datanode that is silent so long counts as lost, in milliseconds. */
const SILENCE_MS = 10_000

interface Waiting {
  resolve(copy: HeldCopy): void
  reject(error: Error): void
}

export class NodeProbe implements ChannelHandler {
  readonly #address: DatanodeAddress
  #channel: BlockChannel | undefined
  #waiting: Waiting | undefined
  #request = 0
  #turn: Promise<unknown> = Promise.resolve()

  constructor(address: DatanodeAddress) {
    this.#address = address
  }

  /** What the node holds. Throws BLOCK_NOT_FOUND, UNAVAILABLE or what else the node answers. */
  stat(block: LocatedBlock): Promise<HeldCopy> {
    const answer = this.#turn.then(() => this.#ask(block))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  close(): void {
    this.#channel?.destroy()
  }

  frame(kind: number, request: number, head: Reader): undefined {
    const waiting = this.#waiting
    if (waiting === undefined || (request !== this.#request && request !== 0)) {
      throw new FsError('BAD_FRAME', 'an answer to no request')
    }
    this.#waiting = undefined
    if (kind === BLOCK_FRAME.statAnswer) waiting.resolve(statAnswer.decode(head))
    else if (kind === BLOCK_FRAME.failure) waiting.reject(failureOf(head))
    else waiting.reject(new FsError('BAD_FRAME', `frame kind ${kind} answers no question`))
  }

  landed(): void {
    throw new FsError('BAD_FRAME', 'data that nobody asked for')
  }

  closed(error: FsError): void {
    this.#channel = undefined
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  async #ask(block: LocatedBlock): Promise<HeldCopy> {
    if (this.#channel === undefined) {
      this.#channel = await BlockChannel.connect(this.#address, this)
      this.#channel.limitSilence(SILENCE_MS)
    }
    const channel = this.#channel
    const { capability, blockId, generation, group } = block
    this.#request += 1
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      channel.send(BLOCK_FRAME.stat, this.#request, statRequest, { capability, blockId, generation, group })
    })
  }
}
