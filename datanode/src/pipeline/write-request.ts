/**
 * Serves one stream into a block: verifies packets as they land, writes them in batches, passes them along
 * the chain, and answers in order. It stops reading from its connection while too much waits for the disk or
 * the chain. It never acknowledges a byte that it, or a member behind it, has not verified and written.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import {
  BLOCK_FRAME,
  FAILED_NODE,
  packet as packetHead,
  progress,
  ready,
  type writeRequest,
} from '@hopbine/common/protocol/block.ts'
import { CAPABILITY_MODE } from '@hopbine/common/protocol/capability.ts'
import type { BlockChannel } from '@hopbine/common/rpc/block-channel.ts'
import { chunkStart, chunksTouched, firstBadChunk } from '@hopbine/common/wire/chunk-crc.ts'
import type { ValueOf } from '@hopbine/common/wire/codec.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import type { BlockClaim, BlockService } from '../server/service.ts'
import type { BlockFile } from '../store/block-file.ts'
import type { HeldFile } from '../store/block-store.ts'
import type { Piece } from '../store/chunk-sums.ts'
import { ForwardStream } from './forward-stream.ts'

/** Received bytes and packets that wait for disk and chain; more: the connection is not read. */
const QUEUED_BYTES_MAX = 4 * 1024 * 1024
const QUEUED_PACKETS_MAX = 32

interface Packet extends Piece {
  readonly bytes: Buffer
  readonly memory: Buffer
  /** Disk and chain, as far as they still need the memory. */
  holders: number
}

/** What stands in the stream, in its order. */
type Step =
  | { readonly kind: 'packet'; readonly packet: Packet }
  | { readonly kind: 'sync' }
  | { readonly kind: 'seal'; readonly length: number }
  | { readonly kind: 'end' }

export class WriteRequest implements BlockClaim {
  readonly #service: BlockService
  readonly #channel: BlockChannel
  readonly #request: number
  readonly #ended: (error?: FsError) => void
  #blockId = 0
  #held: HeldFile | undefined
  #forward: ForwardStream | undefined
  /** End of what was received and verified, with the checksum of its partial chunk. */
  #received = 0
  #receivedTail = 0
  #written = 0
  #forwarded = 0
  #acknowledged = 0
  #incoming: Packet | undefined
  readonly #steps: Step[] = []
  #queuedBytes = 0
  #queuedPackets = 0
  #paused = false
  #opening: Promise<void> | undefined
  #working: Promise<void> | undefined
  #chainWake: (() => void) | undefined
  #over = false

  /**
   * `ended` is called once: without an error when the peer ended the stream and the connection is free again.
   */
  constructor(
    service: BlockService,
    channel: BlockChannel,
    request: number,
    ended: (error?: FsError) => void,
  ) {
    this.#service = service
    this.#channel = channel
    this.#request = request
    this.#ended = ended
  }

  /** Opens block and chain and answers `ready`. After a throw nothing is held or may be called. */
  open(wanted: ValueOf<typeof writeRequest>): Promise<void> {
    const opening = this.#open(wanted).finally(() => {
      this.#opening = undefined
    })
    this.#opening = opening
    return opening
  }

  async #open(wanted: ValueOf<typeof writeRequest>): Promise<void> {
    this.#service.authorize(wanted, CAPABILITY_MODE.write)
    const { store } = this.#service
    const name = { blockId: wanted.blockId, group: wanted.group }
    this.#blockId = name.blockId
    await this.#claim(name.blockId)
    try {
      const { offset, generation } = wanted
      this.#held = offset > 0 ? await store.use(name) : await store.useOrCreate(name, generation)
      this.#checkClaim()
      await this.#place(this.#held.file, wanted)
      this.#checkClaim()
      await this.#openChain(wanted, this.#held.file)
      this.#checkClaim()
      const { file } = this.#held
      const { length, tailCrc } = file.view()
      this.#opening = undefined
      this.#channel.send(BLOCK_FRAME.ready, this.#request, ready, { length, tailCrc, sealed: file.isSealed })
    } catch (error) {
      const isOwn = isFsError(error, 'CORRUPT') && error.details[FAILED_NODE] === undefined
      if (isOwn) await this.#service.foundBad(name, error, this)
      // A block that could not be begun leaves nothing; one that another writer took over is that writer's.
      else if (this.#held?.file.isBlank && !this.#over) await store.drop(name)
      this.#opening = undefined
      await this.#finish()
      throw error
    }
  }

  async #openChain(wanted: ValueOf<typeof writeRequest>, file: BlockFile): Promise<void> {
    const { capability, blockId, generation, group, chain } = wanted
    const { length, tailCrc } = file.view()
    this.#begin(length, tailCrc)
    if (chain.length === 0) return
    const request = { capability, blockId, generation, group, offset: length }
    this.#forward = await ForwardStream.open(chain, request, tailCrc, {
      acknowledged: reached => this.#chainReached(reached),
      failed: error => this.#fail(error),
    })
  }

  /** While this one was opening, another may have asked it to give up. */
  #checkClaim(): void {
    if (this.#over) throw takenOver()
  }

  frame(kind: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    if (kind === BLOCK_FRAME.packet) return this.#packet(head, dataBytes)
    if (kind === BLOCK_FRAME.sync) this.#steps.push({ kind: 'sync' })
    else if (kind === BLOCK_FRAME.end) this.#steps.push({ kind: 'end' })
    else if (kind === BLOCK_FRAME.seal)
      this.#steps.push({ kind: 'seal', length: progress.decode(head).length })
    else throw new FsError('BAD_FRAME', `frame kind ${kind} does not belong into a write`)
    this.#work()
    return undefined
  }

  landed(): void {
    const packet = this.#incoming
    if (packet === undefined || this.#over) return
    this.#incoming = undefined
    const { offset, bytes, crcs } = packet
    if (firstBadChunk(bytes, offset, this.#receivedTail, crcs) !== -1) {
      throw new FsError('CORRUPT', `bytes at ${offset} were damaged on the way`)
    }
    this.#received = offset + bytes.length
    this.#receivedTail = chunkStart(this.#received) === this.#received ? 0 : (crcs.at(-1) as number)
    this.#queuedBytes += bytes.length
    this.#queuedPackets += 1
    this.#steps.push({ kind: 'packet', packet })
    if (this.#forward !== undefined) {
      packet.holders += 1
      this.#forward.sendPacket(offset, crcs, bytes, () => this.#letGo(packet))
    }
    this.#pauseOrResume()
    this.#work()
  }

  /** The connection has gone. What was not acknowledged may be lost. */
  closed(): void {
    void this.#finish()
  }

  async giveUp(): Promise<void> {
    const opening = this.#opening
    this.#fail(takenOver())
    // How it ended was told to its own peer.
    await opening?.catch(() => undefined)
    await this.#working
  }

  /** The newest writer wins: whoever holds a valid capability speaks for the lease. */
  async #claim(blockId: number): Promise<void> {
    for (let other = this.#service.claims.get(blockId); other !== undefined; ) {
      await other.giveUp()
      const next = this.#service.claims.get(blockId)
      other = next === other ? undefined : next
    }
    this.#service.claims.set(blockId, this)
  }

  /** Brings the copy to the length that the writer goes on from. */
  async #place(file: BlockFile, { offset, generation }: ValueOf<typeof writeRequest>): Promise<void> {
    if (generation < file.generation) {
      throw new FsError('STALE', `generation ${generation} of the block was followed by ${file.generation}`)
    }
    if (file.isSealed) {
      if (offset === -1 || offset === file.length) return
      throw new FsError('INVALID_ARGUMENT', `the block is sealed at ${file.length}`, { length: file.length })
    }
    if (offset > file.length) {
      throw new FsError('BLOCK_NOT_FOUND', `the copy holds ${file.length} bytes, not ${offset}`, {
        length: file.length,
      })
    }
    file.raiseGeneration(generation)
    if (offset === -1 || offset === file.length) return
    const { buffers } = this.#service.store
    const memory = buffers.take(1)
    try {
      await file.cut(offset, memory)
    } finally {
      buffers.give(memory)
    }
  }

  #begin(length: number, tailCrc: number): void {
    this.#received = length
    this.#receivedTail = tailCrc
    this.#written = length
    this.#forwarded = length
    this.#acknowledged = length
  }

  #packet(head: Reader, dataBytes: number): Uint8Array {
    const { offset, crcs } = packetHead.decode(head)
    const chunks = chunksTouched(offset, dataBytes)
    if (offset !== this.#received || dataBytes === 0 || crcs.length !== chunks) {
      throw new FsError('BAD_FRAME', 'a packet does not follow the one before it')
    }
    const memory = this.#service.store.buffers.take(dataBytes)
    const bytes = memory.subarray(0, dataBytes)
    this.#incoming = { offset, crcs, bytes, memory, holders: 1 }
    return bytes
  }

  /** Begins behind what arrived together: a sync that follows its packets is done with them. */
  #work(): void {
    if (this.#working !== undefined || this.#over) return
    this.#working = Promise.resolve()
      .then(() => this.#steady())
      .finally(() => {
        this.#working = undefined
      })
  }

  /** Takes the steps in order until there are none; a failure ends the stream. */
  async #steady(): Promise<void> {
    try {
      while (this.#steps.length > 0 && !this.#over) {
        const batch = this.#nextBatch()
        if (batch.length === 0) await this.#mark(this.#steps.shift() as Step)
        else await this.#write(batch, this.#takeSync())
      }
    } catch (error) {
      this.#fail(this.#service.answerFor(error))
    }
  }

  /** All packets at the front of the queue; none when something else stands there. */
  #nextBatch(): Packet[] {
    const batch: Packet[] = []
    for (let step = this.#steps[0]; step?.kind === 'packet'; step = this.#steps[0]) {
      batch.push(step.packet)
      this.#steps.shift()
    }
    return batch
  }

  #takeSync(): boolean {
    if (this.#steps[0]?.kind !== 'sync') return false
    this.#steps.shift()
    return true
  }

  /** The answer to a sync that follows acknowledges the batch, too. */
  async #write(batch: readonly Packet[], isSynced: boolean): Promise<void> {
    const file = (this.#held as HeldFile).file
    const forwarded = isSynced ? this.#forward?.sync() : undefined
    // Looked at when the own writes have ended: until then nobody else may have the block.
    forwarded?.catch(() => undefined)
    try {
      await (isSynced ? file.appendSynced(batch) : file.append(batch))
    } finally {
      for (const packet of batch) this.#letGo(packet)
    }
    this.#service.counters.bytesWritten.inc(file.length - this.#written)
    this.#written = file.length
    if (!isSynced) return this.#acknowledge()
    this.#service.counters.syncs.inc()
    await forwarded
    this.#answer(BLOCK_FRAME.synced)
  }

  async #mark(step: Step): Promise<void> {
    const file = (this.#held as HeldFile).file
    if (step.kind === 'end') return this.#end()
    this.#service.counters.syncs.inc()
    if (step.kind === 'sync') {
      await Promise.all([file.sync(), this.#forward?.sync()])
      this.#answer(BLOCK_FRAME.synced)
    } else if (step.kind === 'seal') {
      if (step.length !== file.length) {
        throw new FsError('INVALID_ARGUMENT', `the block has ${file.length} bytes, not ${step.length}`)
      }
      await Promise.all([file.seal(), this.#forward?.seal(step.length)])
      this.#leave(BLOCK_FRAME.sealed)
    }
  }

  /** A mark is reached by every member, so everything before it is acknowledged too. */
  #answer(kind: number): void {
    this.#acknowledged = this.#written
    this.#channel.send(kind, this.#request, progress, { length: this.#written })
  }

  /** The block stays open; the members behind have everything before the connection is free. */
  async #end(): Promise<void> {
    while (this.#forward !== undefined && this.#forwarded < this.#written && !this.#over) {
      await new Promise<void>(resolve => {
        this.#chainWake = resolve
      })
    }
    if (!this.#over) this.#leave(BLOCK_FRAME.ended)
  }

  /**
   * Answers the last mark of the stream. The connection is free for the next request before the peer knows
   * it.
   */
  #leave(kind: number): void {
    this.#over = true
    this.#release()
    this.#ended()
    this.#answer(kind)
  }

  #chainReached(length: number): void {
    this.#forwarded = length
    this.#chainWake?.()
    this.#acknowledge()
  }

  #acknowledge(): void {
    const reached = this.#forward === undefined ? this.#written : Math.min(this.#written, this.#forwarded)
    if (reached <= this.#acknowledged) return
    this.#acknowledged = reached
    this.#channel.send(BLOCK_FRAME.ack, this.#request, progress, { length: reached })
  }

  #letGo(packet: Packet): void {
    packet.holders -= 1
    if (packet.holders > 0) return
    this.#service.store.buffers.give(packet.memory)
    this.#queuedBytes -= packet.bytes.length
    this.#queuedPackets -= 1
    this.#pauseOrResume()
  }

  #pauseOrResume(): void {
    const full = this.#queuedBytes >= QUEUED_BYTES_MAX || this.#queuedPackets >= QUEUED_PACKETS_MAX
    if (full === this.#paused) return
    this.#paused = full
    if (full) this.#channel.pause()
    else this.#channel.resume()
  }

  #fail(error: FsError): void {
    if (this.#over) return
    void this.#finish()
    this.#ended(error)
  }

  /** Lets go of everything once the write in progress has ended. */
  async #finish(): Promise<void> {
    this.#over = true
    this.#chainWake?.()
    this.#forward?.close()
    await this.#working
    // Until it has ended, opening may still touch the block, and lets go of it by itself.
    if (this.#opening !== undefined) return
    for (const step of this.#steps.splice(0)) {
      if (step.kind === 'packet') this.#letGo(step.packet)
    }
    this.#release()
  }

  #release(): void {
    this.#forward?.close()
    if (this.#service.claims.get(this.#blockId) === this) this.#service.claims.delete(this.#blockId)
    this.#held?.release()
    this.#held = undefined
  }
}

function takenOver(): FsError {
  return new FsError('LEASE_LOST', 'another writer has taken the block over')
}
