/**
 * What a leader knows of one member's log, and how much it may send there: a window of unanswered messages
 * while all goes well, one message at a time while the place where the logs agree is not known, nothing but
 * heartbeats while a snapshot is under way (thesis 10.2.1, pipelining and batching).
 */
import { assert } from '@hopbine/common/base/assert.ts'
import type { Settings } from './settings.ts'

export type ProgressState = 'probe' | 'replicate' | 'snapshot'

interface InFlight {
  readonly lastIndex: number
  readonly bytes: number
}

export class Progress {
  readonly #settings: Settings
  readonly #inFlight: InFlight[] = []
  #inFlightBytes = 0
  #state: ProgressState = 'probe'
  /** Highest entry known to be stored there and the same as ours (paper, figure 2, matchIndex). */
  #matched = 0
  /** Next entry to send (nextIndex). */
  #next: number
  /** The one message of `probe` is on its way. */
  #isProbing = false
  #snapshotIndex = 0
  /** The highest commit index that it was told. */
  toldCommit = 0
  /** It was heard since the leader last looked. */
  isActive = true
  /** The last round of heartbeats that it answered. */
  answeredRound = 0

  constructor(next: number, settings: Settings) {
    this.#next = next
    this.#settings = settings
  }

  get state(): ProgressState {
    return this.#state
  }

  get matched(): number {
    return this.#matched
  }

  get next(): number {
    return this.#next
  }

  /** True if nothing may be sent but heartbeats. */
  get isPaused(): boolean {
    if (this.#state === 'replicate') return this.#isFull
    return this.#state === 'snapshot' || this.#isProbing
  }

  get #isFull(): boolean {
    const { inFlightMessagesMax, inFlightBytesMax } = this.#settings
    return this.#inFlight.length >= inFlightMessagesMax || this.#inFlightBytes >= inFlightBytesMax
  }

  /** An append message left that ends with entry `lastIndex`. */
  noteSent(lastIndex: number, bytes: number, commit: number): void {
    this.toldCommit = Math.max(this.toldCommit, Math.min(commit, lastIndex))
    if (this.#state === 'probe') {
      this.#isProbing = true
      return
    }
    assert(this.#state === 'replicate', 'nothing is sent beside a snapshot')
    if (lastIndex < this.#next) return
    this.#next = lastIndex + 1
    this.#inFlight.push({ lastIndex, bytes })
    this.#inFlightBytes += bytes
  }

  /** It has our log up to `index`. True if that is news. */
  noteAccepted(index: number): boolean {
    while ((this.#inFlight[0]?.lastIndex ?? Number.POSITIVE_INFINITY) <= index) {
      this.#inFlightBytes -= (this.#inFlight.shift() as InFlight).bytes
    }
    const isNews = index > this.#matched
    this.#matched = Math.max(this.#matched, index)
    this.#next = Math.max(this.#next, this.#matched + 1)
    const isThere = this.#state === 'snapshot' && this.#matched >= this.#snapshotIndex
    if (this.#state === 'probe' || isThere) this.#enter('replicate', this.#matched + 1)
    return isNews
  }

  /**
   * It refused an append behind `refused`, and knows of no agreement beyond `agreed`. A refusal that an
   * earlier answer overtook is no news.
   */
  noteRefused(refused: number, agreed: number): void {
    if (this.#state === 'snapshot' || refused <= this.#matched) return
    if (this.#state === 'probe' && refused !== this.#next - 1) return
    this.#enter('probe', Math.max(Math.min(refused, agreed + 1), this.#matched + 1))
  }

  /** Its disk lost what it acknowledged behind an entry: it is brought there again. */
  noteLost(lastIndex: number): void {
    if (this.#state === 'snapshot' || lastIndex >= this.#matched) return
    this.#matched = lastIndex
    this.#enter('probe', lastIndex + 1)
  }

  /** It answered a heartbeat: a probe that went unanswered so long was lost. */
  noteHeartbeat(round: number): void {
    this.isActive = true
    this.answeredRound = Math.max(this.answeredRound, round)
    this.#isProbing = false
  }

  /** What it needs next was compacted away. */
  beginSnapshot(index: number): void {
    this.#enter('snapshot', index + 1)
    this.#snapshotIndex = index
  }

  /** The snapshot got there and its answer may have been lost, or it did not get there. */
  endSnapshot(isThere: boolean): void {
    if (this.#state !== 'snapshot') return
    this.#enter('probe', Math.max(isThere ? this.#snapshotIndex + 1 : 0, this.#matched + 1))
  }

  #enter(state: ProgressState, next: number): void {
    this.#state = state
    this.#next = next
    this.#isProbing = false
    this.#snapshotIndex = 0
    this.#inFlight.length = 0
    this.#inFlightBytes = 0
  }
}
