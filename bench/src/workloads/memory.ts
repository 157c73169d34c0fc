/**
 * `memory`: what a directory and a file cost the namenode in resident memory, and a file on its disk, once
 * everything is in the store.
 */
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { SPOTIFY_MIX } from '../load/kinds/spotify.ts'
import { TreePaths } from '../load/tree-shape.ts'
import { memoryOf } from '../machine/process-usage.ts'
import type { Metrics } from '../report/metrics.ts'
import { fillTree, removeTree, treeOf } from './filled-tree.ts'
import { measureLoad } from './measured-load.ts'
import { type Bench, defineWorkload } from './workload.ts'

const base = '/bench-memory'
const options = [
  { name: 'files', type: 'count', minimum: 16, default: 1_000_000, sentence: 'Files of the tree.' },
  { name: 'seconds', type: 'count', default: 15, sentence: 'Of the mix of reads and writes after the fill.' },
  {
    name: 'settle',
    type: 'count',
    default: 2000,
    sentence: 'How long it is left alone before a look, in ms.',
  },
] as const

export const workload = defineWorkload({
  name: 'memory',
  sentence: 'Resident memory of the namenode by directory and by file, and its disk by file.',
  options,
  datanodes: () => 0,
  mustOwn: true,
  async measure(bench, values) {
    const { files, settle } = values
    const shape = treeOf(base, files)
    const { directories } = new TreePaths(shape)
    const empty = await restarted(bench, settle)
    const diskEmpty = await diskBytes(bench.cluster.home.namenodeFolder)
    await fillTree(bench, shape, 'directories')
    const withDirectories = await restarted(bench, settle)
    await fillTree(bench, shape, 'files')
    if (values.seconds > 0) await useTree(bench, files, values.seconds)
    const { rssBytes, peakBytes } = await settled(bench, settle)
    const withFiles = await restarted(bench, settle)
    const disk = await diskBytes(bench.cluster.home.namenodeFolder)
    const metrics: Metrics = {
      files,
      directories,
      rssBytesEmpty: empty,
      rssBytes,
      rssBytesPeak: peakBytes,
      rssBytesAfterRestart: withFiles,
      rssBytesPerDirectory: (withDirectories - empty) / directories,
      rssBytesPerFile: (withFiles - withDirectories) / files,
      diskBytes: disk,
      diskBytesPerFile: (disk - diskEmpty) / files,
    }
    return metrics
  },
  async cleanUp(bench) {
    await removeTree(bench, base)
  },
})

/** Reads and writes all over the tree, so that caches fill as they would. */
async function useTree(bench: Bench, files: number, seconds: number): Promise<void> {
  await measureLoad(bench, 'memory', {
    load: { name: 'spotify', shape: treeOf(base, files), run: bench.run, ownFiles: 1000, mix: SPOTIFY_MIX },
    connections: bench.fleet.size,
    inFlight: 64,
    seconds,
  })
}

/** Resident memory after a stop, which compacts log and store, and a start. */
async function restarted(bench: Bench, settleMs: number): Promise<number> {
  await bench.cluster.end('namenode', 'SIGTERM')
  await bench.cluster.startAgain('namenode')
  return (await settled(bench, settleMs)).rssBytes
}

async function settled(bench: Bench, settleMs: number): ReturnType<typeof memoryOf> {
  await sleep(settleMs)
  return memoryOf(bench.cluster.pidOf('namenode'))
}

/** Of every file below a folder. */
async function diskBytes(folder: string): Promise<number> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true })
  const files = entries.filter(entry => entry.isFile())
  const sizes = await Promise.all(files.map(file => stat(join(file.parentPath, file.name))))
  return sizes.reduce((sum, { blocks }) => sum + blocks * 512, 0)
}
