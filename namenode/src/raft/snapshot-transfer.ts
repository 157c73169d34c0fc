/**
 * How a snapshot gets from one member to another in chunks (paper, section 7, figure 13), beside the core and
 * on a connection of its own, so that it never delays a heartbeat: the core's `snapshot` message only says
 * that one is needed, and the receiver steps it into its own core when all bytes are durable. Pure like the
 * core: the bytes are the drivers'.
 *
 * The sender keeps a window of chunks under way and goes back to what the receiver has stored when it hears
 * nothing for a while. A receiver that restarts goes on where its staging file ends, as long as the sender
 * still offers the same snapshot.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { MemberId, SnapshotFacts } from './messages.ts'

/** Which snapshot: one image of one sender. */
export interface SnapshotOffer {
  readonly from: MemberId
  /** Numbers the images of one leader in one term. */
  readonly number: number
  /** The term that the sender leads. */
  readonly term: number
  readonly snapshot: SnapshotFacts
  /** Of the whole image. */
  readonly bytes: number
  /** CRC32C of the whole image. */
  readonly crc: number
}

export interface SnapshotChunk {
  readonly type: 'snapshot-chunk'
  readonly from: MemberId
  readonly to: MemberId
  readonly offer: SnapshotOffer
  readonly offset: number
  readonly data: Uint8Array
}

/** How far the receiver has stored an image; durable, so that the sender may go on from there at any time. */
export interface SnapshotProgress {
  readonly type: 'snapshot-progress'
  readonly from: MemberId
  readonly to: MemberId
  readonly number: number
  readonly offset: number
}

export interface TransferSettings {
  /** Bytes of one chunk. */
  readonly chunkBytes: number
  /** Bytes that may be under way. */
  readonly windowBytes: number
  /** After so many ticks without news what is under way counts as lost. */
  readonly repeatTicks: number
  /** After so many ticks without progress the transfer is given up. */
  readonly giveUpTicks: number
}

export const DEFAULT_TRANSFER: TransferSettings = {
  chunkBytes: 1024 * 1024,
  windowBytes: 4 * 1024 * 1024,
  repeatTicks: 20,
  giveUpTicks: 200,
}

/** So many answers that say the same mean that a chunk was lost. */
const REPEATS_THAT_TELL = 2

export interface Range {
  readonly offset: number
  readonly length: number
}

export type TransferState = 'open' | 'done' | 'failed'

/** The sender's side, for one receiver. */
export class SnapshotSending {
  readonly to: MemberId
  readonly offer: SnapshotOffer
  readonly #settings: TransferSettings
  /** Everything before is stored there. */
  #stored = 0
  /** Everything before was sent. */
  #sent = 0
  #isDone = false
  #quietTicks = 0
  /** Answers that brought nothing new since the last that did. */
  #repeats = 0
  #ticksWithoutProgress = 0

  constructor(to: MemberId, offer: SnapshotOffer, settings = DEFAULT_TRANSFER) {
    assert(settings.windowBytes >= settings.chunkBytes, 'a chunk fits into the window')
    this.to = to
    this.offer = offer
    this.#settings = settings
  }

  get state(): TransferState {
    if (this.#isDone) return 'done'
    return this.#ticksWithoutProgress >= this.#settings.giveUpTicks ? 'failed' : 'open'
  }

  /** Bytes that are stored there for certain. */
  get storedBytes(): number {
    return this.#stored
  }

  /** The next chunk to send now; undefined while the window is full or all is sent. */
  next(): Range | undefined {
    const { chunkBytes, windowBytes } = this.#settings
    const length = Math.min(chunkBytes, this.offer.bytes - this.#sent)
    if (this.state !== 'open' || length <= 0) return undefined
    if (this.#sent + length - this.#stored > windowBytes) return undefined
    const offset = this.#sent
    this.#sent += length
    return { offset, length }
  }

  /** News of the receiver; of an earlier transfer it is none. */
  noteProgress({ number, offset }: SnapshotProgress): void {
    if (number !== this.offer.number || offset > this.offer.bytes) return
    this.#quietTicks = 0
    if (offset > this.#stored) this.#ticksWithoutProgress = 0
    this.#repeats = offset === this.#stored ? this.#repeats + 1 : 0
    // What follows was refused, so what comes next was lost or overtaken: no need to wait for silence.
    if (this.#repeats === REPEATS_THAT_TELL) this.#sent = offset
    // A receiver that lost its staging file says less than before.
    this.#stored = offset
    this.#sent = Math.max(this.#sent, offset)
    this.#isDone ||= offset === this.offer.bytes
  }

  tick(): void {
    this.#quietTicks += 1
    this.#ticksWithoutProgress += 1
    if (this.#quietTicks % this.#settings.repeatTicks === 0) this.#sent = this.#stored
  }
}

/** What the receiver does with a chunk: store its data at `offset`, or only answer. */
export type Acceptance =
  | {
      readonly kind: 'store'
      readonly isNewImage: boolean
      readonly offset: number
      readonly data: Uint8Array
    }
  | { readonly kind: 'known' }

/** The receiver's side: one image at a time, the latest. */
export class SnapshotReceiving {
  readonly id: MemberId
  #offer: SnapshotOffer | undefined
  /** Bytes of the image that were handed out to be stored. */
  #taken = 0
  /** Bytes that are durable. */
  #stored = 0
  /** The image was installed, or is not wanted. */
  #isOver = false

  /** `staged` is what a restart found durable of an image that was not installed. */
  constructor(id: MemberId, staged?: { readonly offer: SnapshotOffer; readonly offset: number }) {
    this.id = id
    this.#offer = staged?.offer
    this.#taken = staged?.offset ?? 0
    this.#stored = this.#taken
  }

  /** The image that is being received, or was last. */
  get offer(): SnapshotOffer | undefined {
    return this.#offer
  }

  /** What to do with a chunk: only the one that follows what is there is taken, of no earlier image. */
  accept({ offer, offset, data }: SnapshotChunk): Acceptance {
    const known = this.#offer
    const isNewImage = known === undefined || isLater(offer, known)
    if (isNewImage) {
      this.#offer = offer
      this.#taken = 0
      this.#stored = 0
      this.#isOver = false
    } else if (this.#isOver || !isSame(offer, known)) return { kind: 'known' }
    if (offset !== this.#taken || data.length === 0) return { kind: 'known' }
    this.#taken += data.length
    return { kind: 'store', isNewImage: offset === 0, offset, data }
  }

  /** The staging file holds everything before `offset` durably. */
  noteStored(offset: number): void {
    this.#stored = Math.max(this.#stored, Math.min(offset, this.#taken))
  }

  /** True when the whole image is durable: verify its checksum, then step the snapshot into the core. */
  get isComplete(): boolean {
    return !this.#isOver && this.#offer !== undefined && this.#stored === this.#offer.bytes
  }

  /** The core has the snapshot, or did not want it. */
  finish(): void {
    this.#isOver = true
  }

  /** The checksum was wrong: nothing of it is kept, and it comes again. */
  startAgain(): void {
    this.#taken = 0
    this.#stored = 0
  }

  /**
   * The answer to every chunk: how far the image is stored. The last byte is told only when the core has the
   * snapshot, so that the sender does not go on too early.
   */
  progressOf({ from: to, number }: SnapshotOffer): SnapshotProgress {
    const known = this.#offer
    const isOurs = known?.from === to && known.number === number
    const stored = this.#isOver ? (known?.bytes ?? 0) : Math.min(this.#stored, (known?.bytes ?? 1) - 1)
    return { type: 'snapshot-progress', from: this.id, to, number, offset: isOurs ? stored : 0 }
  }
}

/** A term has one leader, and a leader numbers its images: so of two images one is the later. */
function isLater(a: SnapshotOffer, b: SnapshotOffer): boolean {
  return a.term > b.term || (a.term === b.term && a.number > b.number)
}

function isSame(a: SnapshotOffer, b: SnapshotOffer): boolean {
  return a.term === b.term && a.number === b.number
}
