/**
 * `hopbine admin fsck`: lets the namenode check its totals, foreign keys, packed table and extents, then
 * compares the blocks that files need with what the datanodes hold. It repairs nothing but totals, and
 * those on request only.
 */
import { fsck as fsckMethod, status as statusMethod } from '@hopbine/common/protocol/cluster.ts'
import { EXIT, exitOnInterrupt } from '../exit.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { BlockCheck, type BlockTotals } from './block-check.ts'
import { withFileSystem } from './connection.ts'
import { stateOf } from './status.ts'

export const command = defineCommand({
  name: 'admin fsck',
  sentence: 'Checks totals, foreign keys, tables and extents, and the blocks on the datanodes.',
  usage: '',
  words: [0, 0],
  options: [
    homeOption,
    { name: 'repair', type: 'flag', sentence: 'Write totals that are wrong anew.' },
    { name: 'metadata-only', type: 'flag', sentence: 'Do not ask the datanodes.' },
    jsonOption,
  ],
  notes: ['Prints one line for each problem, then totals. Exit code 1 unless all is sound or was repaired.'],
  async run({ values }) {
    const out = new Printer()
    let problems = 0
    const tell = async (problem: string): Promise<void> => {
      problems += 1
      if (values.json) await out.json({ problem })
      else await out.line(problem)
    }
    exitOnInterrupt()
    return withFileSystem(values.home, async fs => {
      const metadata = await fs.call(fsckMethod, { repair: values.repair })
      for (const problem of metadata.problems) await tell(problem)
      const { datanodes } = await fs.call(statusMethod, {})
      for (const node of datanodes) {
        const state = stateOf(node)
        if (state !== 'live') await tell(`datanode ${node.nodeId} at ${node.host}:${node.port}: ${state}`)
      }
      const check = new BlockCheck(fs, tell)
      if (!values['metadata-only']) await check.run()
      const { files, directories, repaired } = metadata
      const blocks = values['metadata-only'] ? undefined : check.totals
      const summary = { files, directories, problems, repaired, ...(blocks === undefined ? {} : { blocks }) }
      if (values.json) await out.json(summary)
      else await out.line(summaryLine(files, directories, problems, repaired, blocks))
      await out.flush()
      return problems > repaired ? EXIT.failure : EXIT.ok
    })
  },
})

function summaryLine(
  files: number,
  directories: number,
  problems: number,
  repaired: number,
  blocks: BlockTotals | undefined,
): string {
  const verdict =
    problems === 0 ? 'no problem' : `${problems} problem${problems === 1 ? '' : 's'}, ${repaired} repaired`
  const checked = `${files} files and ${directories} directories`
  if (blocks === undefined) return `${checked} checked: ${verdict}`
  const unknown = blocks.unknownCopies === 0 ? '' : `, ${blocks.unknownCopies} not to be asked`
  const copies = `${blocks.copies} copies sound, ${blocks.badCopies} bad${unknown}`
  return `${checked}, ${blocks.blocks} blocks (${copies}) checked: ${verdict}`
}
