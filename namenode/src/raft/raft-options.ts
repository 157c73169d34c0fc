/** What a core is made from. */
import type { PlacedConfiguration } from './membership.ts'
import type { HardState, MemberId } from './messages.ts'
import type { EntryReader, StoredLog } from './raft-log.ts'
import type { Settings } from './settings.ts'
import type { TraceEvent } from './trace.ts'

export interface RaftOptions {
  readonly id: MemberId
  readonly settings: Settings
  /** What the disk held at start. */
  readonly hardState: HardState
  readonly log: StoredLog
  /** Configurations of the log and of the snapshot before it, ascending. */
  readonly configurations: readonly PlacedConfiguration[]
  readonly reader: EntryReader
  /** Uniform in [0, 1). */
  readonly random: () => number
  readonly trace?: (event: TraceEvent) => void
}
