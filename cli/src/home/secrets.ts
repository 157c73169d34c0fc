/** What must be kept from other users: folders of mode 0700, and the token. */
import { randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, mkdirSync, readFileSync } from 'node:fs'
import { CommandError } from '../exit.ts'
import { writeWhole } from './write-whole.ts'

/** A folder that only its owner may enter. Throws CommandError where something else stands. */
export function privateFolder(folder: string): void {
  mkdirSync(folder, { recursive: true, mode: 0o700 })
  const stat = lstatSync(folder)
  const owner = process.getuid?.() ?? stat.uid
  if (!stat.isDirectory() || stat.uid !== owner) {
    throw new CommandError(`${folder} is not a folder of yours: remove it, then start again`)
  }
  if ((stat.mode & 0o077) !== 0) chmodSync(folder, 0o700)
}

/**
 * The token that clients on TCP must show; drawn where there is none. Throws CommandError for a damaged one.
 */
export function ensureToken(path: string): void {
  const token = readIfThere(path)
  if (token === undefined) return writeWhole(path, `${randomBytes(32).toString('hex')}\n`, 0o600)
  if (!/^[0-9a-f]{64}$/.test(token.trim())) {
    throw new CommandError(`${path} is damaged: remove it, and the next start makes a new one`)
  }
  chmodSync(path, 0o600)
}

/** Undefined where nothing is. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}
