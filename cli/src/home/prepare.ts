/**
 * Makes a home folder ready for `up`: creates what is missing, checks what is there, and refuses with one
 * sentence what it cannot use. It never writes into a folder that is not an installation of ours.
 */
import { accessSync, constants, existsSync, lstatSync, mkdirSync, readdirSync } from 'node:fs'
import { dirname } from 'node:path'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from './layout.ts'
import { ensureToken, privateFolder, readIfThere } from './secrets.ts'
import { writeWhole } from './write-whole.ts'

/** Version of the layout of a home folder. */
const FORMAT = 1

/** What may lie in a home folder before its first start. */
const ALLOWED_BEFORE = new Set(['config.json', 'up.lock', 'pki', 'lost+found', '.DS_Store'])

export interface PreparedHome {
  /** True at the very first start. */
  readonly fresh: boolean
}

/** Creates the folder itself, so that a lock can be put there. Throws CommandError. */
export function makeHomeFolder(layout: HomeLayout): void {
  const { home } = layout
  try {
    mkdirSync(home, { recursive: true, mode: 0o700 })
  } catch (error) {
    throw new CommandError(`cannot create the folder ${home} (${reasonAt(home, error)}): ${CHOOSE}`)
  }
  const owner = lstatSync(`${home}/.`).uid
  const me = process.getuid?.() ?? owner
  if (owner !== me) {
    throw new CommandError(`${home} belongs to another user (uid ${owner}, you are ${me}): ${CHOOSE}`)
  }
  try {
    accessSync(home, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    throw new CommandError(`cannot write to ${home} (${reason(error)}): make it writable, or ${CHOOSE}`)
  }
}

/** Checks the format and makes folders and the token. Call it while holding the lock. Throws CommandError. */
export function prepareHome(layout: HomeLayout): PreparedHome {
  try {
    const fresh = checkFormat(layout)
    for (const folder of [layout.runFolder, layout.secretsFolder]) privateFolder(folder)
    mkdirSync(layout.logsFolder, { recursive: true, mode: 0o700 })
    ensureToken(layout.tokenFile)
    return { fresh }
  } catch (error) {
    if (error instanceof CommandError) throw error
    throw new CommandError(`cannot prepare ${layout.home} (${reason(error)}): make it writable, or ${CHOOSE}`)
  }
}

const CHOOSE = 'choose another one with --home DIR'

/** True when the home is new and was stamped now. */
function checkFormat(layout: HomeLayout): boolean {
  const text = readIfThere(layout.formatFile)
  if (text === undefined) {
    const others = readdirSync(layout.home).filter(name => !ALLOWED_BEFORE.has(name))
    if (others.length > 0) {
      const names = others.slice(0, 3).join(', ')
      const what = `${layout.home} is not a home of Hopbine but holds other files (${names})`
      throw new CommandError(`${what}: give an empty folder with --home DIR`)
    }
    writeWhole(layout.formatFile, `${JSON.stringify({ format: FORMAT })}\n`)
    return true
  }
  const format = formatIn(text, layout.formatFile)
  if (format > FORMAT) {
    const formats = `format ${format}, this one knows ${FORMAT}`
    throw new CommandError(`${layout.home} was written by a newer Hopbine (${formats}): upgrade Hopbine`)
  }
  return false
}

function formatIn(text: string, path: string): number {
  const value = parseJson(text)
  const format = typeof value === 'object' && value !== null && 'format' in value ? value.format : undefined
  if (typeof format === 'number' && Number.isInteger(format) && format >= 1) return format
  const remedy = `put back {"format": ${FORMAT}} if the home is yours, or ${CHOOSE}`
  throw new CommandError(`${path} is damaged: ${remedy}`)
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** What the system said, without the call and the path that Node adds. */
function reason(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return /^[A-Z0-9]+: ([^,]+)/.exec(message)?.[1] ?? message
}

/** Why a folder cannot be made: on a read-only filesystem Node speaks of a missing one. */
function reasonAt(folder: string, error: unknown): string {
  let above = dirname(folder)
  while (!existsSync(above)) above = dirname(above)
  try {
    accessSync(above, constants.W_OK)
  } catch (denied) {
    return reason(denied)
  }
  return reason(error)
}
