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

const base = '/bench-restart'
const options = [
  { name: 'files', type: 'count', minimum: 16, default: 1_000_000, sentence: 'Files of the tree.' },
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
  async prepare(bench, values) {
    await fillTree(bench, treeOf(base, values.files))
  },
  async measure(bench, values, repetition) {
    const { files } = values
    const again = async (signal: 'SIGTERM' | 'SIGKILL'): Promise<number> => {
      await bench.cluster.end('namenode', signal)
      if (values.cold) await dropCaches()
      return startTimed(bench, files)
    }
    const stopped = await again('SIGTERM')
    const { rssBytes } = await memoryOf(bench.cluster.pidOf('namenode'))
    await write(bench, values.writes, repetition)
    const before = await bench.cluster.status()
    const killed = await again('SIGKILL')
    const { directories } = new TreePaths(treeOf(base, files))
    const metrics: Metrics = {
      [`firstAnswerMillis.${files}`]: stopped,
      [`firstAnswerAfterKillMillis.${files}`]: killed,
      inodes: files + directories,
      entriesToReplay: before.appliedIndex - before.durableIndex,
      rssBytesAfterRestart: rssBytes,
    }
    return metrics
  },
  async cleanUp(bench) {
    await removeTree(bench, base)
  },
})

/** From the start of the process to the answer for a file in the depth of the tree. */
async function startTimed(bench: Bench, files: number): Promise<number> {
  const path = new TreePaths(treeOf(base, files)).file(files - 1)
  const began = performance.now()
  await bench.cluster.startAgain('namenode')
  const rpc = await bench.cluster.operator()
  const { status } = await rpc.call(metadata.stat, { path, followLast: true })
  if (status.kind === 0) throw new BenchError(`${path} has no kind`)
  return performance.now() - began
}

/** Writes that the store has not made durable yet when the kill comes. */
async function write(bench: Bench, files: number, repetition: number): Promise<void> {
  if (files === 0) return
  const folder = `${base}-writes-${bench.run}${repetition}`
  const { size } = bench.fleet
  const { totals } = await measureLoad(bench, 'restart', {
    load: {
      name: 'mdtest',
      phase: 'create',
      base: folder,
      layout: 'private',
      files: Math.ceil(files / size),
      create: 'inline',
    },
    connections: size,
    inFlight: 64,
  })
  if (totals.errors > 0) throw new BenchError(`${totals.errors} writes failed: ${totals.failures[0]}`)
}
