/**
 * A load generator: a process of its own that takes jobs from the bench process, one at a time, and answers
 * with what it measured. It starts no servers and ends when its parent goes.
 */
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { makeLoad } from './kinds/registry.ts'
import type { Load } from './load.ts'
import type { FromGenerator, Job, LoadResult, ToGenerator } from './messages.ts'
import { Pump } from './pump.ts'

interface Prepared {
  readonly job: Job
  readonly load: Load
  readonly sessions: readonly RpcClient[]
}

let prepared: Prepared | undefined
let running: Pump | undefined

async function prepare(job: Job): Promise<Prepared> {
  const options = {
    ...job.door,
    ...(job.retryMs === undefined ? {} : { retryMs: job.retryMs }),
  }
  const sessions = Array.from({ length: job.connections }, () => new RpcClient(options))
  await Promise.all(sessions.map(session => session.welcome()))
  const load = await makeLoad(job)
  await load.prepare?.(sessions[0] as RpcClient)
  if (job.warmUpSeconds > 0) await new Pump(load, sessions, job.inFlight).run(job.warmUpSeconds * 1000)
  return { job, load, sessions }
}

async function measure({ job, load, sessions }: Prepared): Promise<LoadResult> {
  const pump = new Pump(load, sessions, job.inFlight)
  running = pump
  const usage = process.cpuUsage()
  const began = performance.now()
  await pump.run(job.seconds === undefined ? Number.POSITIVE_INFINITY : job.seconds * 1000)
  const elapsedMs = performance.now() - began
  const { user, system } = process.cpuUsage(usage)
  running = undefined
  return { kinds: pump.results(), elapsedMs, cpuMicros: user + system, failures: pump.failures }
}

async function finish({ load, sessions }: Prepared): Promise<Readonly<Record<string, number>>> {
  await load.finish?.(sessions[0] as RpcClient)
  for (const session of sessions) session.close()
  return load.counts?.() ?? {}
}

async function handle(message: ToGenerator): Promise<void> {
  if (message.type === 'stop') return running?.stop()
  if (message.type === 'load') {
    prepared = await prepare(message.job)
    return tell({ type: 'ready' })
  }
  if (prepared === undefined) throw new Error('no load was prepared')
  if (message.type === 'go') return tell({ type: 'done', result: await measure(prepared) })
  const counts = await finish(prepared)
  prepared = undefined
  tell({ type: 'finished', counts })
}

function tell(message: FromGenerator): void {
  process.send?.(message)
}

process.on('message', (message: ToGenerator) => {
  handle(message).catch((error: unknown) => {
    tell({ type: 'failed', message: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  })
})
// What Ctrl-C means is decided by the parent; this process goes with it.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit(0))
