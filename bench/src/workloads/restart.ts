/**
 * `restart`: how long a namenode that was stopped, or killed, takes from its start to its first answer, by
 * the number of inodes it holds.
 */
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import { BenchError } from '../failure.ts'
import { TreePaths } from '../load/tree-shape.ts'
import { dropCaches } from '../machine/drop-caches.ts'
import { memoryOf } from '../machine/process-usage.ts'
import type { Metrics } from '../report/metrics.ts'
import { fillTree, removeTree, treeOf } from './filled-tree.ts'
import { measureLoad } from './measured-load.ts'
import { type Bench, defineWorkload } from './workload.ts'

const BASE = '/bench-restart'
const options = [
  {
    name: 'sizes',
    type: 'counts',
    minimum: 16,
    default: [1_000_000],
    sentence: 'Files in the filesystem, from small to large.',
  },
  {
    name: 'writes',
    type: 'count',
    default: 10_000,
    sentence: 'Creates just before the kill, for the log to be replayed.',
  },
  { name: 'cold', type: 'flag', sentence: 'Drop the page cache before each start; needs root.' },
] as const

export const workload = defineWorkload({
  name: 'restart',
  sentence: 'Time from the start of a namenode to its first answer.',
  options,
  datanodes: () => 0,
  mustOwn: true,
  async measure(bench, values, repetition) {
    const metrics: Metrics = {}
    for (const [at, size] of values.sizes.entries()) {
      const shape = treeOf(`${BASE}-${size}`, size - (values.sizes[at - 1] ?? 0))
      await fillTree(bench, shape)
      const path = new TreePaths(shape).file(shape.files - 1)
      const again = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number> => {
        await bench.cluster.end('namenode', signal)
        if (values.cold) await dropCaches()
        return startTimed(bench, path)
      }
      metrics[`firstAnswerMillis.${size}`] = await again('SIGTERM')
      const { rssBytes } = await memoryOf(bench.cluster.pidOf('namenode'))
      await write(bench, values.writes, `${BASE}-writes-${bench.run}-${size}-${repetition}`)
      const before = await bench.cluster.status()
      metrics[`firstAnswerAfterKillMillis.${size}`] = await again('SIGKILL')
      metrics[`inodes.${size}`] = before.files + before.directories
      metrics[`logBytes.${size}`] = before.logBytes
      metrics[`rssBytesAfterRestart.${size}`] = rssBytes
    }
    return metrics
  },
  async cleanUp(bench, values) {
    for (const size of values.sizes) await removeTree(bench, `${BASE}-${size}`)
  },
})

/** From the start of the process to the answer for a file in the depth of the tree. */
async function startTimed(bench: Bench, path: string): Promise<number> {
  const began = performance.now()
  await bench.cluster.startAgain('namenode')
  const rpc = await bench.cluster.operator()
  const { status } = await rpc.call(metadata.stat, { path, followLast: true })
  if (status.kind === 0) throw new BenchError(`${path} has no kind`)
  return performance.now() - began
}

/** Writes that the store has not made durable yet when the kill comes. */
async function write(bench: Bench, files: number, base: string): Promise<void> {
  if (files === 0) return
  const { size } = bench.fleet
  const { totals } = await measureLoad(bench, 'restart', {
    load: {
      name: 'mdtest',
      phase: 'create',
      base,
      layout: 'private',
      files: Math.ceil(files / size),
      create: 'inline',
    },
    connections: size,
    inFlight: 64,
  })
  if (totals.errors > 0) throw new BenchError(`${totals.errors} writes failed: ${totals.failures[0]}`)
}
