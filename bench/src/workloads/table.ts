/** The workloads by name, each loaded only when it is asked for. */
import type { Workload } from './workload.ts'

type Load = () => Promise<{ readonly workload: Workload }>

export const WORKLOADS: Readonly<Record<string, Load>> = {
  spotify: () => import('./spotify.ts'),
  mdtest: () => import('./mdtest.ts'),
  smallfiles: () => import('./smallfiles.ts'),
  throughput: () => import('./throughput.ts'),
  overwrite: () => import('./overwrite.ts'),
  treecost: () => import('./treecost.ts'),
  restart: () => import('./restart.ts'),
  failover: () => import('./failover.ts'),
  crash: () => import('./crash.ts'),
  memory: () => import('./memory.ts'),
  mixed: () => import('./mixed.ts'),
  locks: () => import('./locks.ts'),
}
