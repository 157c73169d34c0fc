/** Text as words of a shell's command line, for commands that people are told to type. */
import { accessSync, constants } from 'node:fs'
import { delimiter, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

/** As one word of a shell command. */
export function quoted(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`
}

/** How this user calls `hopbine`: by name if the name is on PATH, else by the launcher's path. */
export function ownCommand(): string {
  const folders = (process.env.PATH ?? '').split(delimiter).filter(Boolean)
  if (folders.some(folder => isExecutable(join(folder, 'hopbine')))) return 'hopbine'
  const launcher = fileURLToPath(new URL('../../../scripts/hopbine', import.meta.url))
  const near = relative(process.cwd(), launcher)
  return quoted(near.startsWith('..') ? launcher : near)
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
