/**
 * One read request on one connection: packets land in memory, are checked, and wait until they are asked for.
 * At most two megabytes wait; then it stops reading from the socket. It knows one member only; `block-reader`
 * knows the others.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { BLOCK_FRAME, data as dataHead, readRequest } from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { type ChannelHandler, failureOf } from '@hopbine/common/rpc/block-channel.ts'
import { chunksTouched, firstBadChunk } from '@hopbine/common/wire/chunk-crc.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import type { BlockPool, Lent } from './block-pool.ts'

/** Checked packets that wait for the consumer; more: the socket is not read. */
const WAITING_BYTES_MAX = 2 * 1024 * 1024
/** A datanode that owes bytes and is silent so long counts as lost, in milliseconds. */
const SILENCE_MS = 30_000

/** Gives memory of exactly `bytes` for the packet at `offset` of the block. */
export type Landing = (offset: number, bytes: number) => Uint8Array

export class BlockFetch implements ChannelHandler {
  readonly #landing: Landing
  readonly #ready: Uint8Array[] = []
  #readyBytes = 0
  #lent: Lent | undefined
  #request = 0
  /** Next byte that must come, and the end; the end is unknown (−1) for a read to the block's end. */
  #offset: number
  readonly #end: number
  #incoming: { bytes: Uint8Array; offset: number; crcs: number[]; last: boolean } | undefined
  #complete = false
  #error: FsError | undefined
  #wake: (() => void) | undefined
  #paused = false

  private constructor(offset: number, length: number, landing: Landing) {
    this.#offset = offset
    this.#end = length === -1 ? -1 : offset + length
    this.#landing = landing
  }

  static async start(
    pool: BlockPool,
    node: DatanodeAddress,
    block: LocatedBlock,
    offset: number,
    length: number,
    landing: Landing,
  ): Promise<BlockFetch> {
    const fetch = new BlockFetch(offset, length, landing)
    const lent = await pool.lend(node, 'read', fetch)
    const { capability, blockId, generation, group } = block
    const request = { capability, blockId, generation, group, offset, length }
    fetch.#lent = lent
    fetch.#request = lent.nextRequest()
    lent.channel.limitSilence(SILENCE_MS)
    lent.channel.send(BLOCK_FRAME.read, fetch.#request, readRequest, request)
    return fetch
  }

  /** The next packet, in order; undefined at the end. Throws what ended the read early. */
  async next(): Promise<Uint8Array | undefined> {
    for (;;) {
      const bytes = this.#ready.shift()
      if (bytes !== undefined) {
        this.#readyBytes -= bytes.length
        this.#pauseOrResume()
        return bytes
      }
      if (this.#error !== undefined) throw this.#error
      if (this.#complete) return undefined
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }

  /** Ends the read at any time; safe to call again. */
  stop(reason?: FsError): void {
    if (!this.#complete) this.#error ??= reason ?? new FsError('CANCELLED', 'the read was stopped')
    this.#release(this.#complete)
    this.#wake?.()
  }

  frame(kind: number, request: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    if (request !== this.#request && request !== 0) throw new FsError('BAD_FRAME', 'an answer to no request')
    if (kind === BLOCK_FRAME.failure) {
      this.#fail(failureOf(head), request !== 0)
      return undefined
    }
    if (kind !== BLOCK_FRAME.data) throw new FsError('BAD_FRAME', `frame kind ${kind} answers no read`)
    const { offset, crcs, last } = dataHead.decode(head)
    const after = offset + dataBytes
    const fits = this.#end === -1 || (last ? after === this.#end : after < this.#end)
    if (offset !== this.#offset || !fits || crcs.length !== chunksTouched(offset, dataBytes)) {
      throw new FsError('BAD_FRAME', 'a packet does not follow the one before it')
    }
    if (dataBytes === 0) {
      if (!last) throw new FsError('BAD_FRAME', 'an empty packet')
      this.#finish()
      return undefined
    }
    this.#incoming = { bytes: this.#landing(offset, dataBytes), offset, crcs, last }
    return this.#incoming.bytes
  }

  landed(): void {
    const incoming = this.#incoming
    if (incoming === undefined) return
    this.#incoming = undefined
    const { bytes, offset, crcs, last } = incoming
    if (firstBadChunk(bytes, offset, 0, crcs) !== -1) {
      this.#fail(new FsError('CORRUPT', `bytes at ${offset} were damaged on the way`), false)
      return
    }
    this.#offset = offset + bytes.length
    this.#ready.push(bytes)
    this.#readyBytes += bytes.length
    if (last) this.#finish()
    else this.#pauseOrResume()
    this.#wake?.()
  }

  closed(error: FsError): void {
    this.#fail(error, false)
  }

  #finish(): void {
    this.#complete = true
    this.#release(true)
    this.#wake?.()
  }

  #fail(error: FsError, reusable: boolean): void {
    if (this.#complete || this.#error !== undefined) return
    this.#error = error
    this.#release(reusable)
    this.#wake?.()
  }

  #release(reusable: boolean): void {
    const lent = this.#lent
    this.#lent = undefined
    if (lent === undefined) return
    if (this.#paused) lent.channel.resume()
    lent.release(reusable)
  }

  #pauseOrResume(): void {
    const full = this.#readyBytes >= WAITING_BYTES_MAX
    if (full === this.#paused || this.#lent === undefined) return
    this.#paused = full
    // A consumer that takes its time is no reason to call the datanode lost.
    this.#lent.channel.limitSilence(full ? 0 : SILENCE_MS)
    if (full) this.#lent.channel.pause()
    else this.#lent.channel.resume()
  }
}
