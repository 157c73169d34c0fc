/**
 * Flags of Node for the daemon of a mount, which `scripts/hopbine` reads from the same file. A mount keeps in
 * the heap what it knows of its directories, and a small one would copy and mark it again and again; and a
 * program that has just begun waits for each answer, so that code is to become fast early: without feedback
 * from a function's first call on, the first thousand files of an untar cost half as much again.
 */
import { readFileSync } from 'node:fs'

const FLAGS = readFileSync(new URL('./node-flags', import.meta.url), 'utf8')
  .trim()
  .split('\n')

/** A mount's own flags, and of those of this process the others. */
export function mountNodeFlags(inherited: readonly string[] = process.execArgv): string[] {
  const own = new Set(FLAGS.map(nameOf))
  return [...inherited.filter(flag => !own.has(nameOf(flag))), ...FLAGS]
}

function nameOf(flag: string): string {
  return flag.split('=', 1)[0] ?? flag
}
