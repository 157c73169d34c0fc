/**
 * What a namenode is put together from, as its doors and duties see it: what it always has, and what it has
 * while it leads. Composition is namenode.ts's and leadership.ts's.
 */
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import type { NodeCredentials } from '@hopbine/common/pki/credentials.ts'
import type { Members } from '../cluster/members.ts'
import type { Datanodes } from '../placement/datanodes.ts'
import type { Checkpointer } from '../replica/checkpointer.ts'
import type { Replica } from '../replica/replica.ts'
import type { Backups } from './backups.ts'
import type { ChangeWaiters } from './change-waiters.ts'
import type { Housekeeping } from './housekeeping.ts'
import type { Interests } from './interests.ts'
import type { LeaseGate } from './leases/lease-gate.ts'
import type { Locks } from './locks/locks.ts'
import type { Metrics } from './metrics.ts'
import type { OpenFiles } from './open-files.ts'
import type { Rewrites } from './rewrites.ts'
import type { Writers } from './writers.ts'

export interface Foundation {
  readonly host: Host
  readonly logger: Logger
  readonly replica: Replica
  readonly checkpointer: Checkpointer
  readonly backups: Backups
  readonly metrics: Metrics
  readonly token: string
  /** What it shows on TLS connections; undefined: there are none. */
  readonly credentials: NodeCredentials | undefined
  /** Folder of the shard. */
  readonly folder: string
  /** The group of which this namenode is one; undefined: it is alone. */
  readonly members: Members | undefined
  /** When the process began to serve, on the monotonic clock. */
  readonly startedMs: number
  /** Tombstones set at or before this second may be dropped. */
  droppableSince(): number
}

/** Soft state of one leadership: each begins without any. */
export interface Parts extends Foundation {
  readonly datanodes: Datanodes
  readonly writers: Writers
  readonly housekeeping: Housekeeping
  readonly leases: LeaseGate
  readonly rewrites: Rewrites
  readonly waiters: ChangeWaiters
  readonly interests: Interests
  readonly openFiles: OpenFiles
  readonly locks: Locks
}
