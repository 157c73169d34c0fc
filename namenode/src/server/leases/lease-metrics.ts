/** What operators may watch of directory leases. */
import type { Metrics } from '../metrics.ts'
import type { LeaseGate } from './lease-gate.ts'

export function addLeaseMetrics(metrics: Metrics, gate: LeaseGate): void {
  const { waits } = gate
  metrics.gauge('directory_leases', 'Directories that are leased.', () => gate.held)
  metrics.gauge('lease_recalls', 'Leased directories that others asked for.', () => gate.recalls)
  metrics.gauge('lease_queues_revoked', 'Queues that lost their leases.', () => gate.revoked)
  metrics.gauge('lease_waiting', 'Requests that wait for leased directories.', () => gate.waiting)
  metrics.gauge('lease_waits', 'Requests that had to wait for leased directories.', () => waits.count)
  metrics.gauge('lease_wait_p50_ms', 'Half of the last such waits were shorter.', () => waits.percentile(0.5))
  metrics.gauge('lease_wait_p99_ms', 'Of the last such waits 99 % were shorter.', () =>
    waits.percentile(0.99),
  )
}
