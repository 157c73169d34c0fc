/** How long the leader waits in matters of directory leases, in milliseconds; tests take shorter times. */
import { LEASE_DRIFT_MS, LEASE_TERM_MS, RECALL_MS_MAX } from '@hopbine/common/protocol/directory-leases.ts'

export interface DirectoryLeaseTimes {
  /** A queue keeps its leases that long after it was heard, when others want them. */
  readonly termMs: number
  /** Added to the term, for clocks that run differently. */
  readonly driftMs: number
  /** A queue that is heard has so long to give back what was recalled. */
  readonly recallMs: number
  /** A directory that was recalled is not leased again for so long; doubled by each further recall … */
  readonly backOffMs: number
  /** … up to so long. */
  readonly backOffMaxMs: number
}

export const DIRECTORY_LEASE_TIMES: DirectoryLeaseTimes = {
  termMs: LEASE_TERM_MS,
  driftMs: LEASE_DRIFT_MS,
  recallMs: RECALL_MS_MAX,
  backOffMs: 5_000,
  backOffMaxMs: 60_000,
}
