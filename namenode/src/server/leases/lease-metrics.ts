/** What operators may watch of directory leases. */
import type { Metrics } from '../metrics.ts'
import type { LeaseGate } from './lease-gate.ts'

/** `gate` is undefined while this namenode does not lead: then all of it is 0. */
export function addLeaseMetrics(metrics: Metrics, gate: () => LeaseGate | undefined): void {
  const gauge = (name: string, help: string, read: (gate: LeaseGate) => number): void => {
    metrics.gauge(name, help, () => {
      const leading = gate()
      return leading === undefined ? 0 : read(leading)
    })
  }
  gauge('directory_leases', 'Directories that are leased.', ({ held }) => held)
  gauge('lease_recalls', 'Leased directories that others asked for.', ({ recalls }) => recalls)
  gauge('lease_queues_revoked', 'Queues that lost their leases.', ({ revoked }) => revoked)
  gauge('lease_waiting', 'Requests that wait for leased directories.', ({ waiting }) => waiting)
  gauge('lease_waits', 'Requests that had to wait for leased directories.', ({ waits }) => waits.count)
  gauge('lease_wait_p50_ms', 'Half of the last such waits were shorter.', ({ waits }) =>
    waits.percentile(0.5),
  )
  gauge('lease_wait_p99_ms', 'Of the last such waits 99 % were shorter.', ({ waits }) =>
    waits.percentile(0.99),
  )
}
