/**
 * `hopbine admin restore FILE`: puts a backup in the place of the namenode's store, while nothing runs on
 * the home. It asks the namenode's own code to do it and touches no file of it itself.
 */
import { accessSync, constants, existsSync } from 'node:fs'
import { resolve } from 'node:path'
import type { Restored } from '@hopbine/namenode/server/restore.ts'
import { CommandError, EXIT } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { makeHomeFolder, prepareHome } from '../home/prepare.ts'
import { readUpFile } from '../home/up-file.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { socketAnswers } from '../up/first-contact.ts'
import { acquireLock, LockHeldError } from '../up/lock.ts'

export const command = defineCommand({
  name: 'admin restore',
  sentence: 'Puts a backup of the metadata in place, while nothing runs on the home.',
  usage: 'FILE',
  words: [1, 1],
  options: [homeOption, jsonOption],
  notes: [
    'Everything after the backup is undone. The metadata of before is kept beside it; its name is told.',
    'Restores onto an empty home, too: then bring the folders datanode-N of the old one.',
  ],
  async run({ values, positionals }) {
    const file = resolve(positionals[0] ?? '')
    try {
      accessSync(file, constants.R_OK)
    } catch (error) {
      throw new CommandError(`cannot read the backup (${(error as Error).message})`)
    }
    const layout = layoutOf(homeOf(values.home))
    makeHomeFolder(layout)
    const lock = await acquireLock(layout.lockFile, () => socketAnswers(readUpFile(layout)?.socket)).catch(
      (error: unknown) => {
        if (!(error instanceof LockHeldError)) throw error
        throw new CommandError(`Hopbine runs on ${layout.home} (process ${error.pid}): stop it, then restore`)
      },
    )
    try {
      prepareHome(layout)
      if (existsSync(layout.groupFile)) {
        const what = `${layout.home} has a group of namenodes, whose members cannot be put back one by one`
        throw new CommandError(`${what}: restore onto an empty home, which has one namenode`)
      }
      const { restoreBackup } = await import('@hopbine/namenode/server/restore.ts')
      const restored = restoreBackup(layout.namenodeFolder, file)
      const out = new Printer()
      if (values.json) await out.json({ home: layout.home, ...restored })
      else for (const line of lines(layout.home, restored)) await out.line(line)
      await out.flush()
      return EXIT.ok
    } finally {
      lock.release()
    }
  },
})

function lines(home: string, restored: Restored): string[] {
  const { index, files, directories, former } = restored
  const lines = [`restored ${files} files and ${directories} directories as of index ${index} to ${home}`]
  if (former !== undefined) lines.push(`what was there before lies in ${former}`)
  return [...lines, 'start it with `hopbine up`']
}
