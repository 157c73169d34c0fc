/**
 * How mount(8) calls a helper: `SPEC DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]`, and what that means
 * for `hopbine mount`. Pure: it starts nothing.
 */
import { UsageError } from '../exit.ts'

export type MountRequest =
  | {
      readonly kind: 'mount'
      /** Words for `hopbine mount`. */
      readonly words: readonly string[]
    }
  | {
      /** The kernel does it alone; a helper would only be in the way. */
      readonly kind: 'remount'
      /** Words for mount(8) without helpers. */
      readonly words: readonly string[]
    }
  /** `-f`: everything but mounting. */
  | { readonly kind: 'nothing' }

/** Options of a mount with a value, and what they are called by `hopbine mount`. */
const WITH_VALUE: Readonly<Record<string, string>> = {
  home: '--home',
  socket: '--socket',
  timeout: '--timeout',
  cache_ms: '--cache-ms',
  reader: '--reader',
  log_level: '--log-level',
}
const FLAGS: Readonly<Record<string, string>> = {
  ro: '--read-only',
  allow_other: '--allow-other',
  sync: '--sync',
  suid: '--suid',
  dev: '--dev',
}
/** What negates an earlier word, as in `suid,nosuid`. */
const NEGATIONS: Readonly<Record<string, string>> = {
  rw: '--read-only',
  nosuid: '--suid',
  nodev: '--dev',
  async: '--sync',
}
/** Words for mount(8) itself or for other tools; here they say nothing. */
const IGNORED = new Set([
  ...['', 'defaults', 'auto', 'noauto', 'user', 'nouser', 'users', 'owner', 'noowner', 'group', 'nogroup'],
  ...['_netdev', 'nofail', 'exec', 'relatime'],
])
const IGNORED_START = /^(x-|X-|comment=)/
/** Letters of options that take a word of their own. */
const TAKES_WORD = /^-[Not]$/
const SPEC_PREFIX = 'hopbine:'

/** Throws UsageError. */
export function readMountWords(args: readonly string[]): MountRequest {
  const positionals: string[] = []
  const options: string[] = []
  let letters = ''
  for (let at = 0; at < args.length; at++) {
    const word = args[at] ?? ''
    if (TAKES_WORD.test(word)) {
      at += 1
      const value = args[at]
      if (value === undefined) throw new UsageError(`${word} needs a word after it`)
      if (word === '-o') options.push(...value.split(','))
    } else if (/^-[sfnv]+$/.test(word)) letters += word
    else if (word.startsWith('-')) throw new UsageError(`there is no option ${word}`)
    else positionals.push(word)
  }
  const [spec, directory, more] = positionals
  if (spec === undefined || directory === undefined || more !== undefined) {
    throw new UsageError('mount(8) calls this as SPEC DIR [-sfnv] [-N NAMESPACE] [-o OPTIONS] [-t TYPE]')
  }
  if (letters.includes('f')) return { kind: 'nothing' }
  if (options.includes('remount')) {
    return { kind: 'remount', words: ['-i', '-o', options.join(','), directory] }
  }
  const words = wordsOf(options, letters.includes('s'))
  return { kind: 'mount', words: ['--detach', ...words, pathOf(spec), directory] }
}

/** The last of words that contradict each other counts. */
function wordsOf(options: readonly string[], isSloppy: boolean): string[] {
  const flags = new Set<string>()
  const values = new Map<string, string>()
  for (const option of options) {
    const at = option.indexOf('=')
    const [name, value] = at < 0 ? [option, undefined] : [option.slice(0, at), option.slice(at + 1)]
    const flag = FLAGS[option]
    const negated = NEGATIONS[option]
    const valued = WITH_VALUE[name]
    if (flag !== undefined) flags.add(flag)
    else if (negated !== undefined) flags.delete(negated)
    else if (option === 'noatime') values.set('--atime', 'never')
    else if (valued !== undefined && value !== undefined) values.set(valued, value)
    else if (!isSloppy && !IGNORED.has(option) && !IGNORED_START.test(option)) {
      const known = [...Object.keys(FLAGS), ...Object.keys(WITH_VALUE).map(key => `${key}=`)].join(', ')
      throw new UsageError(`there is no mount option ${option}; those of Hopbine are ${known}`)
    }
  }
  return [...flags, ...[...values].flat()]
}

/** `hopbine:/path`, `/path`, or a bare word for the top: fstab wants something there. */
function pathOf(spec: string): string {
  const path = spec.startsWith(SPEC_PREFIX) ? spec.slice(SPEC_PREFIX.length) : spec
  return path.startsWith('/') ? path : '/'
}
