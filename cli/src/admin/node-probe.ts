/**
 * Asks one datanode what it holds, one question at a time over one connection, without reading the bytes. It
 * connects again when the connection is lost, and asks a node that cannot be reached only once.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_FRAME,
  type HeldBlock,
  heldBlocks,
  listAnswer,
  listRequest,
  statAnswer,
  statRequest,
} from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { BlockChannel, type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'

export interface HeldCopy {
  readonly length: number
  readonly syncedLength: number
  readonly sealed: boolean
}

export interface HeldPage {
  readonly blocks: readonly HeldBlock[]
  readonly more: boolean
}

/** A datanode that is silent so long counts as lost, in milliseconds. */
const SILENCE_MS = 10_000

interface Waiting {
  resolve(answer: HeldCopy | HeldPage): void
  reject(error: Error): void
}

export class NodeProbe implements ChannelHandler {
  readonly #address: DatanodeAddress
  #channel: BlockChannel | undefined
  #waiting: Waiting | undefined
  #request = 0
  #turn: Promise<unknown> = Promise.resolve()
  /** A page whose blocks are on their way. */
  #arriving: { readonly more: boolean; readonly data: Buffer } | undefined
  /** Why the node cannot be asked any more. */
  #lost: FsError | undefined

  constructor(address: DatanodeAddress) {
    this.#address = address
  }

  /** What the node holds. Throws BLOCK_NOT_FOUND, CORRUPT, UNAVAILABLE or what else the node answers. */
  async stat(block: LocatedBlock): Promise<HeldCopy> {
    const { capability, blockId, generation, group } = block
    const answer = await this.#inTurn(channel =>
      channel.send(BLOCK_FRAME.stat, this.#request, statRequest, { capability, blockId, generation, group }),
    )
    return answer as HeldCopy
  }

  /** Blocks in order of id after `after`. */
  async list(capability: Buffer, after: number, max: number): Promise<HeldPage> {
    const answer = await this.#inTurn(channel =>
      channel.send(BLOCK_FRAME.list, this.#request, listRequest, { capability, after, max }),
    )
    return answer as HeldPage
  }

  close(): void {
    this.#channel?.destroy()
  }

  frame(kind: number, request: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    const waiting = this.#waiting
    if (waiting === undefined || (request !== this.#request && request !== 0)) {
      throw new FsError('BAD_FRAME', 'an answer to no request')
    }
    if (kind === BLOCK_FRAME.listAnswer) {
      this.#arriving = { more: listAnswer.decode(head).more, data: Buffer.alloc(dataBytes) }
      return this.#arriving.data
    }
    this.#waiting = undefined
    if (kind === BLOCK_FRAME.statAnswer) waiting.resolve(statAnswer.decode(head))
    else if (kind === BLOCK_FRAME.failure) waiting.reject(failureOf(head))
    else waiting.reject(new FsError('BAD_FRAME', `frame kind ${kind} answers no question`))
    return undefined
  }

  landed(): void {
    const [arriving, waiting] = [this.#arriving, this.#waiting]
    if (arriving === undefined) throw new FsError('BAD_FRAME', 'data that nobody asked for')
    this.#arriving = undefined
    this.#waiting = undefined
    waiting?.resolve({ blocks: heldBlocks.decode(new Reader(arriving.data)), more: arriving.more })
  }

  closed(error: FsError): void {
    if (isFsError(error, 'TIMED_OUT')) this.#lost = error
    this.#channel = undefined
    this.#arriving = undefined
    this.#waiting?.reject(error)
    this.#waiting = undefined
  }

  #inTurn(send: (channel: BlockChannel) => void): Promise<HeldCopy | HeldPage> {
    const answer = this.#turn.then(() => this.#ask(send))
    this.#turn = answer.catch(() => undefined)
    return answer
  }

  async #ask(send: (channel: BlockChannel) => void): Promise<HeldCopy | HeldPage> {
    const channel = await this.#connected()
    this.#request += 1
    return new Promise((resolve, reject) => {
      this.#waiting = { resolve, reject }
      send(channel)
    })
  }

  async #connected(): Promise<BlockChannel> {
    if (this.#lost !== undefined) throw this.#lost
    if (this.#channel !== undefined) return this.#channel
    try {
      this.#channel = await BlockChannel.connect(this.#address, this)
    } catch (error) {
      if (isFsError(error)) this.#lost = error
      throw error
    }
    this.#channel.limitSilence(SILENCE_MS)
    return this.#channel
  }
}

/** One probe for each datanode that was asked. */
export class NodeProbes {
  readonly #probes = new Map<string, NodeProbe>()

  of(address: DatanodeAddress): NodeProbe {
    const key = `${address.host}:${address.port}`
    const known = this.#probes.get(key)
    if (known !== undefined) return known
    const probe = new NodeProbe(address)
    this.#probes.set(key, probe)
    return probe
  }

  close(): void {
    for (const probe of this.#probes.values()) probe.close()
  }
}
