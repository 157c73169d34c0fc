/**
 * `treecost`: what rename, chmod, contentSummary and recursive removal of a directory cost, and how long
 * everybody else waits meanwhile, for trees from ten files to a million. The time should not follow the size.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import { type Metrics, median } from '../report/metrics.ts'
import { fillTree, forgetTree, treeOf } from './filled-tree.ts'
import { Prober } from './prober.ts'
import { type Bench, defineWorkload } from './workload.ts'

const options = [
  {
    name: 'sizes',
    type: 'counts',
    minimum: 1,
    default: [10, 1000, 100_000, 1_000_000],
    sentence: 'Files of the trees, from small to large.',
  },
  { name: 'repeat', type: 'count', minimum: 1, default: 100, sentence: 'Calls whose median counts.' },
  {
    name: 'removals',
    type: 'count',
    minimum: 1,
    default: 1,
    sentence: 'Trees of each size that are filled and removed, of small sizes more; the median counts.',
  },
] as const

/** Kinds of calls that are compared over the sizes. */
const COMPARED = ['rename', 'chmod', 'contentSummary', 'remove'] as const
/** Between two looks at how far the reclaim of a removed tree is, in milliseconds. */
const RECLAIM_LOOK_MS = 20
/**
 * Trees that are small are removed more often, since they are filled at once: as many times, up to so many
 * files.
 */
const REMOVALS_SMALL = 9
const FILES_SMALL = 10_000
/** Calls before those that count. */
const WARM_UP_CALLS = 20

export const workload = defineWorkload({
  name: 'treecost',
  sentence: 'Rename, chmod, contentSummary and removal of directories by the size of their trees.',
  options,
  datanodes: () => 0,
  mustOwn: false,
  async measure(bench, values) {
    const metrics: Metrics = {}
    for (const size of values.sizes) {
      const base = `/bench-treecost-${size}`
      await fillTree(bench, treeOf(base, size))
      Object.assign(metrics, await stationary(bench, base, size, values.repeat))
      const removals = [await removeWatched(bench, base, size)]
      while (removals.length < Math.max(values.removals, Math.min(REMOVALS_SMALL, FILES_SMALL / size))) {
        await fillTree(bench, treeOf(base, size))
        removals.push(await removeWatched(bench, base, size))
      }
      for (const name of Object.keys(removals[0] ?? {})) {
        metrics[name] = median(removals.map(removal => removal[name] ?? 0))
      }
    }
    return { ...metrics, ...ratios(metrics, values.sizes) }
  },
})

/** Calls that leave the tree as it was. */
async function stationary(bench: Bench, base: string, size: number, repeat: number): Promise<Metrics> {
  const rpc = await bench.cluster.operator()
  const other = `${base}-renamed`
  const prober = await Prober.start(await bench.cluster.door())
  const calls: Record<string, (turn: number) => Promise<unknown>> = {
    rename: turn => {
      const [from, to] = turn % 2 === 0 ? [base, other] : [other, base]
      return rpc.call(metadata.rename, { from, to, mode: metadata.RENAME.noReplace })
    },
    chmod: turn => rpc.call(metadata.chmod, { path: base, mode: turn % 2 === 0 ? 0o700 : 0o755 }),
    contentSummary: () => rpc.call(metadata.summary, { path: base }),
  }
  const metrics: Metrics = {}
  for (const [name, call] of Object.entries(calls)) {
    for (let turn = 0; turn < WARM_UP_CALLS; turn++) await call(turn)
    prober.take()
    const millis: number[] = []
    // An even number of turns brings a renamed tree home.
    for (let turn = 0; turn < repeat + (repeat % 2); turn++) millis.push(await timed(() => call(turn)))
    metrics[`${name}Millis.${size}`] = median(millis)
    metrics[`${name}MillisMax.${size}`] = Math.max(...millis)
    metrics[`${name}StallMillis.${size}`] = prober.take().maxMillis
  }
  await prober.stop()
  return metrics
}

/** Removes the tree, and watches other users until the last of its entries is reclaimed. */
async function removeWatched(bench: Bench, base: string, size: number): Promise<Metrics> {
  const rpc = await bench.cluster.operator()
  await forgetTree(bench, base)
  const prober = await Prober.start(await bench.cluster.door())
  for (let turn = 0; turn < WARM_UP_CALLS; turn++) await rpc.call(metadata.summary, { path: base })
  prober.take()
  const began = performance.now()
  const request = { path: base, recursive: true, only: metadata.REMOVE.any }
  const millis = await timed(() => rpc.call(metadata.remove, request))
  while ((await bench.cluster.status()).reclaimPending > 0) await sleep(RECLAIM_LOOK_MS)
  const reclaimSeconds = (performance.now() - began) / 1000
  const waits = prober.take()
  await prober.stop()
  bench.note(`${base}: removed in ${millis.toFixed(2)} ms, reclaimed in ${reclaimSeconds.toFixed(1)} s`)
  return {
    [`removeMillis.${size}`]: millis,
    [`removeStallMillis.${size}`]: waits.maxMillis,
    [`removeStallP99Millis.${size}`]: waits.quantileMillis(0.99),
    [`reclaimSeconds.${size}`]: reclaimSeconds,
  }
}

/** The largest tree against the smallest. */
function ratios(metrics: Metrics, sizes: readonly number[]): Metrics {
  const [smallest, largest] = [sizes[0], sizes.at(-1)]
  return Object.fromEntries(
    COMPARED.map(name => {
      const least = metrics[`${name}Millis.${smallest}`] ?? 0
      return [`${name}Ratio`, (metrics[`${name}Millis.${largest}`] ?? 0) / least]
    }),
  )
}

async function timed(call: () => Promise<unknown>): Promise<number> {
  const began = performance.now()
  await call()
  return performance.now() - began
}
