/**
 * `hopbine admin fsck`: lets the namenode check its totals, foreign keys, packed table and extents, then
 * compares the blocks that files need with what the datanodes hold. It repairs nothing but totals, and
 * those on request only.
 */
import type { FileSystem } from '@hopbine/client/index.ts'
import { fsck as fsckMethod, status as statusMethod } from '@hopbine/common/protocol/cluster.ts'
import { EXIT, exitOnInterrupt } from '../exit.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { humanSize } from '../output/sizes.ts'
import { BlockCheck, type BlockTotals } from './block-check.ts'
import { withFileSystem } from './connection.ts'
import { Findings } from './findings.ts'
import { NodeProbes } from './node-probe.ts'
import { type ClusterStatus, stateOf } from './status.ts'
import { UnneededCheck, type UnneededTotals } from './unneeded-check.ts'

interface Summary {
  readonly files: number
  readonly directories: number
  readonly problems: number
  readonly warnings: number
  readonly repaired: number
  /** Absent where the datanodes were not asked. */
  readonly blocks?: BlockTotals
  /** What datanodes hold and nothing needs. */
  readonly unneeded?: UnneededTotals
}

export const command = defineCommand({
  name: 'admin fsck',
  sentence: 'Checks totals, foreign keys, tables and extents, and the blocks on the datanodes.',
  usage: '',
  words: [0, 0],
  options: [
    homeOption,
    { name: 'repair', type: 'flag', sentence: 'Write totals that are wrong anew.' },
    { name: 'metadata-only', type: 'flag', sentence: 'Do not ask the datanodes.' },
    { name: 'verbose', type: 'flag', sentence: 'Name each block on a datanode that nothing needs, too.' },
    jsonOption,
  ],
  notes: [
    'Prints one line for each problem, then totals. Exit code 1 unless all is sound or was repaired.',
    'A block with fewer copies than its file wants is a warning as long as it has a sound one. Blocks that',
    'nothing needs are none: datanodes remove them when they have been kept for their time.',
  ],
  async run({ values }) {
    const out = new Printer()
    const findings = new Findings(out, values.json)
    exitOnInterrupt()
    return withFileSystem(values.home, async fs => {
      const { files, directories, repaired } = await checkMetadata(fs, values.repair, findings)
      const probes = new NodeProbes()
      const check = new BlockCheck(fs, probes, findings)
      const unneeded = new UnneededCheck(fs, probes, findings, async ({ nodeId }, { blockId, length }) => {
        if (!values.verbose) return
        if (values.json) await out.json({ unneeded: { nodeId, blockId, bytes: length } })
        else await out.line(`block ${blockId} on ${nodeId}: nothing needs its ${length} bytes`)
      })
      try {
        if (!values['metadata-only']) {
          const status = await fs.call(statusMethod, {})
          await tellStates(status, findings)
          await check.run()
          await unneeded.run(status.datanodes)
        }
      } finally {
        probes.close()
      }
      const { problems, warnings } = findings
      const checked = values['metadata-only'] ? {} : { blocks: check.totals, unneeded: unneeded.totals }
      const summary: Summary = { files, directories, problems, warnings, repaired, ...checked }
      if (values.json) await out.json(summary)
      else for (const line of summaryLines(summary)) await out.line(line)
      await out.flush()
      return problems > repaired ? EXIT.failure : EXIT.ok
    })
  },
})

/** Checks what the namenode keeps, and after a repair once more, for it is the second look that counts. */
async function checkMetadata(
  fs: FileSystem,
  repair: boolean,
  findings: Findings,
): Promise<{ files: number; directories: number; repaired: number }> {
  const { problems, files, directories } = await fs.call(fsckMethod, { repair })
  for (const problem of problems) await findings.problem(problem)
  const left =
    repair && problems.length > 0 ? (await fs.call(fsckMethod, { repair: false })).problems : problems
  return { files, directories, repaired: problems.length - left.length }
}

async function tellStates(status: ClusterStatus, findings: Findings): Promise<void> {
  for (const node of status.datanodes) {
    const state = stateOf(node, status)
    const sentence = `datanode ${node.nodeId} at ${node.host}:${node.port}: ${state}`
    if (state === 'away') await findings.unreachable(node.nodeId, sentence)
    else if (state === 'full') await findings.warning(sentence)
    else if (state === 'bad blocks') await findings.problem(sentence)
  }
}

function summaryLines({ files, directories, blocks, unneeded, ...found }: Summary): string[] {
  const { problems, warnings, repaired } = found
  const verdict = [
    problems === 0 ? 'no problem' : `${counted(problems, 'problem')}, ${repaired} repaired`,
    ...(warnings === 0 ? [] : [counted(warnings, 'warning')]),
  ].join(', ')
  const checked = `${files} files and ${directories} directories`
  if (blocks === undefined) return [`${checked} checked: ${verdict}`]
  const copies = [
    `${blocks.copies} copies sound, ${blocks.badCopies} bad`,
    ...(blocks.unknownCopies === 0 ? [] : [`${blocks.unknownCopies} not to be asked`]),
  ].join(', ')
  const few = blocks.underReplicated === 0 ? '' : `, ${blocks.underReplicated} with too few copies`
  const lines = [`${checked}, ${blocks.blocks} blocks (${copies})${few} checked: ${verdict}`]
  if (unneeded !== undefined && unneeded.blocks > 0) {
    const size = humanSize(unneeded.bytes)
    lines.push(`${counted(unneeded.blocks, 'block')} (${size}) on datanodes that nothing needs any more`)
  }
  return lines
}

function counted(count: number, thing: string): string {
  return `${count} ${thing}${count === 1 ? '' : 's'}`
}
