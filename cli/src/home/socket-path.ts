/**
 * Where a role's Unix socket lies. The kernel allows paths of about a hundred bytes, and homes may be deeper.
 */
import { createHash } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from './layout.ts'
import { privateFolder } from './secrets.ts'

/** A Unix socket's path in bytes: the kernel's field less its end mark (macOS has the smaller one). */
const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103

/** Whether a socket of that name can lie in the home itself. */
export function fitsInHome(layout: HomeLayout, name: string): boolean {
  return fits(join(layout.runFolder, name))
}

/**
 * The path for a socket: in the home's run folder where that is short enough, else in a short private folder
 * of this home's own, which is made. The same home always gets the same path. Throws CommandError where
 * neither fits.
 */
export function socketPath(layout: HomeLayout, name: string): string {
  if (fitsInHome(layout, name)) return join(layout.runFolder, name)
  const folder = shortFolder(layout)
  const path = join(folder, name)
  if (!fits(path)) {
    const what = `${layout.home} and TMPDIR are both longer than the path of a Unix socket may be`
    throw new CommandError(`${what}: choose a shorter folder`)
  }
  privateFolder(folder)
  return path
}

function fits(path: string): boolean {
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX
}

function shortFolder(layout: HomeLayout): string {
  const digest = createHash('sha256').update(layout.home).digest('hex').slice(0, 16)
  return join(tmpdir(), `hopbine-${process.getuid?.() ?? 0}-${digest}`)
}
