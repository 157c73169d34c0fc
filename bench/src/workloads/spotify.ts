/** `spotify`: the mix of operations of a large installation over a tree of empty files. */
import { UsageError } from '../failure.ts'
import { MIX_KINDS, type MixKind, SPOTIFY_MIX } from '../load/kinds/spotify.ts'
import { loadMetrics } from '../report/metrics.ts'
import { fillTree, removeTree, treeOf } from './filled-tree.ts'
import { measureLoad } from './measured-load.ts'
import { defineWorkload } from './workload.ts'

const base = '/bench-spotify'
const options = [
  { name: 'files', type: 'count', minimum: 16, default: 500_000, sentence: 'Files of the tree.' },
  { name: 'depth', type: 'count', minimum: 2, default: 7, sentence: 'Depth of the deepest directories.' },
  { name: 'connections', type: 'count', minimum: 1, sentence: 'Connections in total. Default one a client.' },
  { name: 'in-flight', type: 'count', minimum: 1, default: 64, sentence: 'Calls in flight in total.' },
  { name: 'seconds', type: 'count', minimum: 1, default: 15, sentence: 'Length of a measurement.' },
  { name: 'warm-up', type: 'count', default: 10, sentence: 'Seconds of load before it.' },
  { name: 'own-files', type: 'count', default: 2000, sentence: 'Files each client makes to change them.' },
  {
    name: 'mix',
    type: 'text',
    sentence: 'Other weights, for example open=3,list=1, to see what a kind costs.',
  },
] as const

export const workload = defineWorkload({
  name: 'spotify',
  sentence: 'The mix of operations of a large installation, on a tree of empty files.',
  options,
  datanodes: () => 0,
  mustOwn: false,
  async prepare(bench, values) {
    await fillTree(bench, { ...treeOf(base, values.files), depth: values.depth })
  },
  async measure(bench, values, repetition) {
    const shape = { ...treeOf(base, values.files), depth: values.depth }
    const run = `${bench.run}${repetition}`
    const { totals, use } = await measureLoad(bench, 'spotify', {
      load: { name: 'spotify', shape, run, ownFiles: values['own-files'], mix: mixOf(values.mix) },
      connections: values.connections ?? bench.fleet.size,
      inFlight: values['in-flight'],
      seconds: values.seconds,
      warmUpSeconds: values['warm-up'],
      seed: repetition,
    })
    return loadMetrics(totals, use)
  },
  async cleanUp(bench) {
    await removeTree(bench, base)
  },
})

function mixOf(text: string | undefined): Partial<Record<MixKind, number>> {
  if (text === undefined) return SPOTIFY_MIX
  const pairs = text.split(',').map(part => {
    const [kind, weight] = part.split('=')
    if (MIX_KINDS.includes(kind as MixKind) && /^\d{1,5}$/.test(weight ?? '')) return [kind, Number(weight)]
    throw new UsageError(`--mix takes KIND=WEIGHT with kinds ${MIX_KINDS.join(', ')}, not ${part}`)
  })
  return Object.fromEntries(pairs)
}
