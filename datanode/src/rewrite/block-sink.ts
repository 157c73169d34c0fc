/**
 * The new block of a rewrite: a stream to every member that the namenode chose, as a client would send it, so
 * that a rewrite makes as many copies as any write. One call at a time; after a failure only `close`.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { chunkCrcs, chunkStart } from '@hopbine/common/wire/chunk-crc.ts'
import { ForwardStream } from '../pipeline/forward-stream.ts'

export class BlockSink {
  readonly blockId: number
  #length = 0
  #tailCrc = 0
  #stream: ForwardStream | undefined
  #failure: Error | undefined

  private constructor(blockId: number) {
    this.blockId = blockId
  }

  static async open(block: LocatedBlock): Promise<BlockSink> {
    const { capability, blockId, generation, group, members } = block
    const sink = new BlockSink(blockId)
    const request = { capability, blockId, generation, group, offset: 0 }
    sink.#stream = await ForwardStream.open(members, request, 0, {
      // A sync tells as much, and nothing is done before one.
      acknowledged: () => undefined,
      failed: error => {
        sink.#failure = error
      },
    })
    return sink
  }

  get length(): number {
    return this.#length
  }

  /** Sends at most 1 MiB to the block's end. Resolves when the memory may be used again. */
  async write(bytes: Uint8Array): Promise<void> {
    const stream = this.#open()
    const offset = this.#length
    const crcs = chunkCrcs(bytes, offset, this.#tailCrc)
    this.#length = offset + bytes.length
    this.#tailCrc = chunkStart(this.#length) === this.#length ? 0 : (crcs.at(-1) as number)
    await new Promise<void>(resolve => stream.sendPacket(offset, crcs, bytes, resolve))
    // Gone or not: the memory is free only now.
    if (this.#failure !== undefined) throw this.#failure
  }

  /** Resolves when everything is on disk at every member. */
  async sync(): Promise<void> {
    await this.#open().sync()
  }

  /** Makes the block immutable as it is. */
  async seal(): Promise<void> {
    await this.#open().seal(this.#length)
    this.close()
  }

  /** At any time; safe to call again. */
  close(): void {
    this.#failure ??= new FsError('CANCELLED', 'the new block was closed')
    this.#stream?.close()
    this.#stream = undefined
  }

  #open(): ForwardStream {
    if (this.#failure !== undefined) throw this.#failure
    assert(this.#stream !== undefined, 'a sink that did not fail is open')
    return this.#stream
  }
}
