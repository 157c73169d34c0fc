/** `hopbine mounts`: the mounts of an installation on this machine, and what they have done. */
import { EXIT } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { figuresOf, type MountState, runningMounts } from '../mount/mount-state.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { tableLines } from '../output/table.ts'

interface OperationFigures {
  readonly count: number
  readonly errors: number
  readonly totalMs: number
  readonly maxMs: number
}

interface Seen {
  readonly mount: MountState
  readonly figures: Record<string, unknown> | undefined
}

export const command = defineCommand({
  name: 'mounts',
  sentence: 'Lists what is mounted, with counts and times per operation.',
  usage: '',
  words: [0, 0],
  options: [
    homeOption,
    { name: 'operations', type: 'flag', sentence: 'Also list each operation of the kernel.' },
    jsonOption,
  ],
  async run({ values }) {
    const mounts = runningMounts(layoutOf(homeOf(values.home)))
    const seen = await Promise.all(mounts.map(async mount => ({ mount, figures: await figuresOf(mount) })))
    if (values.json) {
      for (const row of seen)
        process.stdout.write(`${JSON.stringify({ ...row.mount, figures: row.figures })}\n`)
      return EXIT.ok
    }
    const lines = overview(seen)
    if (values.operations)
      lines.push(...seen.flatMap(row => ['', row.mount.directory, ...operations(row), ...leases(row)]))
    process.stdout.write(lines.map(line => `${line}\n`).join(''))
    return EXIT.ok
  },
})

function overview(seen: readonly Seen[]): string[] {
  const rows = seen.map(({ mount, figures }) => [
    mount.directory,
    mount.path,
    mount.readOnly ? 'ro' : 'rw',
    String(mount.process.pid),
    figures === undefined ? 'does not answer' : String(sum(figures)),
    String(figures?.openFiles ?? ''),
    String((figures?.locks as { readonly held?: number } | undefined)?.held ?? ''),
  ])
  const head = ['DIRECTORY', 'PATH', 'MODE', 'PROCESS', 'CALLS', 'OPEN', 'LOCKS']
  return tableLines([head, ...rows], ['left', 'left', 'left', 'right', 'right', 'right', 'right'])
}

function operations({ figures }: Seen): string[] {
  const rows = Object.entries(operationsOf(figures))
    .sort(([, a], [, b]) => b.totalMs - a.totalMs)
    .map(([name, { count, errors, totalMs, maxMs }]) => [
      name,
      String(count),
      String(errors),
      (totalMs / Math.max(count, 1)).toFixed(3),
      maxMs.toFixed(1),
    ])
  const head = ['  OPERATION', 'CALLS', 'ERRORS', 'MEAN MS', 'MAX MS']
  return tableLines(
    [head, ...rows.map(([name, ...rest]) => [`  ${name}`, ...rest])],
    ['left', 'right', 'right', 'right', 'right'],
  )
}

/** What the mount answered by itself under directory leases; nothing if it has none. */
function leases({ figures }: Seen): string[] {
  const counts = figures?.leases as Record<string, number> | undefined
  if (counts === undefined) return []
  const rows = LEASE_ROWS.map(([name, key]) => [`  ${name}`, String(counts[key] ?? 0)])
  return tableLines([['  LEASES', 'NOW OR SO FAR'], ...rows], ['left', 'right'])
}

const LEASE_ROWS = [
  ['directories', 'directories'],
  ['waiting', 'waiting'],
  ['calls answered here', 'local'],
  ['calls forwarded', 'forwarded'],
  ['operations', 'operations'],
  ['batches', 'batches'],
  ['cancelled', 'cancelled'],
  ['recalls', 'recalls'],
  ['recall p50 ms', 'recallP50Ms'],
  ['recall p99 ms', 'recallP99Ms'],
  ['given back idle', 'idle'],
  ['fsync waits', 'syncs'],
  ['lost', 'lost'],
] as const

function operationsOf(figures: Record<string, unknown> | undefined): Record<string, OperationFigures> {
  return (figures?.operations ?? {}) as Record<string, OperationFigures>
}

function sum(figures: Record<string, unknown>): number {
  return Object.values(operationsOf(figures)).reduce((calls, { count }) => calls + count, 0)
}
