/** Options that every workload takes. */
import type { OptionRow } from './options.ts'

export const COMMON_OPTIONS = [
  {
    name: 'home',
    type: 'text',
    sentence: 'Home of a Hopbine: used if it runs, else started and stopped. Default a temporary one.',
  },
  {
    name: 'namenodes',
    type: 'count',
    minimum: 1,
    default: 1,
    sentence: 'Namenodes that hold the metadata together, where they are started.',
  },
  { name: 'keep', type: 'flag', sentence: 'Leave what the workload made, for the next run on this home.' },
  { name: 'clients', type: 'count', minimum: 1, default: 1, sentence: 'Load generator processes.' },
  { name: 'runs', type: 'count', minimum: 1, default: 1, sentence: 'Measurements; the median is reported.' },
  { name: 'pin', type: 'flag', sentence: 'Keep servers on core 0 and clients on core 1.' },
  {
    name: 'transport',
    type: 'choice',
    choices: ['tcp', 'unix'],
    default: 'tcp',
    sentence: 'How clients reach the namenode.',
  },
  { name: 'json', type: 'flag', sentence: 'Print the report as one JSON object.' },
  {
    name: 'profile',
    type: 'text',
    sentence: 'Folder for a CPU profile of the namenode (one that is started here) during each load.',
  },
  {
    name: 'calibration',
    type: 'count',
    minimum: 1,
    default: 1024,
    sentence: 'MiB that are hashed to calibrate the machine.',
  },
] as const satisfies readonly OptionRow[]
