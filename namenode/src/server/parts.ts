/** What a namenode is put together from, as its doors and duties see it. Composition is namenode.ts's. */
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
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

export interface Parts {
  readonly host: Host
  readonly logger: Logger
  readonly replica: Replica
  readonly checkpointer: Checkpointer
  readonly datanodes: Datanodes
  readonly writers: Writers
  readonly housekeeping: Housekeeping
  readonly leases: LeaseGate
  readonly rewrites: Rewrites
  readonly waiters: ChangeWaiters
  readonly backups: Backups
  readonly interests: Interests
  readonly openFiles: OpenFiles
  readonly locks: Locks
  readonly metrics: Metrics
  readonly token: string
  /** Tombstones set at or before this second may be dropped. */
  droppableSince(): number
}
