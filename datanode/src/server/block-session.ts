/**
 * One connection of the block port: takes one request at a time and hands it to its server. A peer that sends
 * what is no request is told so and cut off; the others never notice.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_FRAME,
  BLOCK_LIST_MAX,
  heldBlocks,
  listAnswer,
  listRequest,
  PACKET_BYTES_MAX,
  readRequest,
  statAnswer,
  statRequest,
  writeRequest,
} from '@hopbine/common/protocol/block.ts'
import type { BlockChannel, ChannelHandler } from '@hopbine/common/rpc/block-channel.ts'
import type { ValueOf } from '@hopbine/common/wire/codec.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { WriteRequest } from '../pipeline/write-request.ts'
import type { BlockListing } from './block-listing.ts'
import { ReadRequest } from './read-request.ts'
import type { BlockService } from './service.ts'

export class BlockSession implements ChannelHandler {
  readonly #service: BlockService
  readonly #listing: BlockListing
  readonly #onClosed: () => void
  #channel: BlockChannel | undefined
  #write: WriteRequest | undefined
  #request = 0
  #isBusy = false

  constructor(service: BlockService, listing: BlockListing, onClosed: () => void) {
    this.#service = service
    this.#listing = listing
    this.#onClosed = onClosed
  }

  /** The channel that this session handles; frames come only after. */
  attach(channel: BlockChannel): void {
    this.#channel = channel
  }

  frame(kind: number, request: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    if (this.#write !== undefined && request === this.#request) {
      return this.#write.frame(kind, head, dataBytes)
    }
    if (this.#isBusy) throw new FsError('BAD_FRAME', 'a connection serves one request at a time')
    if (dataBytes > 0) throw new FsError('BAD_FRAME', 'this request carries no data')
    this.#request = request
    this.#begin(kind, request, head)
    return undefined
  }

  landed(): void {
    this.#write?.landed()
  }

  closed(): void {
    this.#write?.closed()
    this.#write = undefined
    this.#onClosed()
  }

  #begin(kind: number, request: number, head: Reader): void {
    const channel = this.#channel as BlockChannel
    if (kind === BLOCK_FRAME.read) {
      const wanted = copied(readRequest.decode(head))
      this.#run(request, new ReadRequest(this.#service, channel, request).serve(wanted))
    } else if (kind === BLOCK_FRAME.write) {
      this.#openWrite(channel, request, copied(writeRequest.decode(head)))
    } else if (kind === BLOCK_FRAME.stat) {
      this.#run(request, this.#stat(channel, request, copied(statRequest.decode(head))))
    } else if (kind === BLOCK_FRAME.list) {
      this.#run(request, this.#list(channel, request, copied(listRequest.decode(head))))
    } else {
      throw new FsError('BAD_FRAME', `frame kind ${kind} is no request`)
    }
  }

  #openWrite(channel: BlockChannel, request: number, wanted: ValueOf<typeof writeRequest>): void {
    const write = new WriteRequest(this.#service, channel, request, error => {
      this.#write = undefined
      if (error !== undefined) channel.failAndEnd(request, error)
    })
    const opening = write.open(wanted).then(() => {
      if (channel.isOpen) this.#write = write
      else write.closed()
    })
    this.#run(request, opening)
  }

  /** Answers a failure, or frees the connection for the next request. */
  #run(request: number, work: Promise<void>): void {
    this.#isBusy = true
    work
      .catch(error => this.#channel?.fail(request, this.#service.answerFor(error)))
      .finally(() => {
        this.#isBusy = false
      })
  }

  async #stat(channel: BlockChannel, request: number, wanted: ValueOf<typeof statRequest>): Promise<void> {
    this.#service.authorize(wanted, 0)
    const { file, release } = await this.#service.store.use(wanted)
    const { length, syncedLength, generation, isSealed } = file
    release()
    channel.send(BLOCK_FRAME.statAnswer, request, statAnswer, {
      length,
      syncedLength,
      generation,
      sealed: isSealed,
    })
  }

  async #list(channel: BlockChannel, request: number, wanted: ValueOf<typeof listRequest>): Promise<void> {
    this.#service.authorizeAdmin(wanted.capability)
    if (wanted.max < 1) throw new FsError('INVALID_ARGUMENT', 'a listing needs room for a block')
    const page = await this.#listing.page(wanted.after, Math.min(wanted.max, BLOCK_LIST_MAX))
    const writer = new Writer()
    heldBlocks.encode(writer, page.blocks)
    if (writer.position > PACKET_BYTES_MAX) throw new FsError('INTERNAL', 'a page of blocks is too long')
    channel.send(BLOCK_FRAME.listAnswer, request, listAnswer, { more: page.more }, writer.copy())
  }
}

/** A head is a view of memory that is used again, so what outlives the call is copied. */
function copied<T extends { capability: Uint8Array }>(request: T): T {
  return { ...request, capability: Buffer.from(request.capability) }
}
