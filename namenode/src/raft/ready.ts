/** What a core asks of its driver, as one value. */
import type { ConfirmedRead } from './member-state.ts'
import type { Entry, HardState, Message, SnapshotFacts } from './messages.ts'
import type { WriteMark } from './raft-log.ts'

export interface Ready {
  /** To store, if it changed. */
  readonly hardState: HardState | undefined
  /** Replaces the state machine and the whole log before `entries` are stored. */
  readonly snapshot: SnapshotFacts | undefined
  readonly entries: readonly Entry[]
  /** False if what there is to store can wait: only `hardState.commit` changed. */
  readonly mustSync: boolean
  readonly messages: readonly Message[]
  readonly promises: readonly Message[]
  /** Last entry that may be applied. */
  readonly committed: number
  readonly reads: readonly ConfirmedRead[]
  /** Tokens of reads that must be asked again, from whoever leads now. */
  readonly droppedReads: readonly number[]
  readonly mark: WriteMark
}
