/**
 * Hadoop's path patterns: `*` any characters of one name, `?` one character, `[abc]`, `[a-z]` and `[^abc]`
 * one of a set, `{a,b}` one of several, which may hold `/`, and `\` before a character that means itself.
 * `*` and `?` never match `/`. A pattern lists only the directories that it must.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { CallOptions } from './options.ts'
import { joinPath } from './paths.ts'
import type { FileStatus } from './status.ts'

/** Patterns that the braces of one pattern may stand for; more: INVALID_ARGUMENT. */
const EXPANSIONS_MAX = 1024

/** What a search asks of the filesystem. */
export interface Searched {
  getFileStatus(path: string, options: CallOptions): Promise<FileStatus>
  listStatus(path: string, options: CallOptions): AsyncIterable<FileStatus>
}

/** One name of a pattern: the name itself, or what it must match. */
type Part = { readonly name: string } | { readonly matches: RegExp }

/**
 * Everything that an absolute pattern matches, each path once, in order of the alternatives and then of
 * names.
 */
export async function* glob(
  searched: Searched,
  pattern: string,
  options: CallOptions,
): AsyncGenerator<FileStatus> {
  const alternatives = expandBraces(pattern)
  const seen = alternatives.length > 1 ? new Set<string>() : undefined
  for (const alternative of alternatives) {
    for await (const status of search(searched, '/', partsOf(alternative), options)) {
      if (seen?.has(status.path)) continue
      seen?.add(status.path)
      yield status
    }
  }
}

/** Whether a path text holds characters that mean something in a pattern. */
export function isPattern(text: string): boolean {
  return /[*?[{\\]/.test(text)
}

/**
 * The patterns without braces that a pattern stands for. Throws INVALID_ARGUMENT for a brace without its
 * partner.
 */
export function expandBraces(pattern: string): string[] {
  const done: string[] = []
  const waiting = [pattern]
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const group = firstGroup(next)
    if (group === undefined) done.push(next)
    else {
      const { before, alternatives, after } = group
      // From the last to the first, so that they are taken from the end in order.
      for (const alternative of alternatives.reverse()) waiting.push(before + alternative + after)
    }
    if (done.length + waiting.length > EXPANSIONS_MAX) {
      throw new FsError('INVALID_ARGUMENT', `a pattern stands for over ${EXPANSIONS_MAX} patterns`)
    }
  }
  return done
}

/** What one name of a pattern, without braces, matches. Throws INVALID_ARGUMENT for a set without its end. */
export function compileName(pattern: string): Part {
  let source = ''
  let name = ''
  let isLiteral = true
  for (let at = 0; at < pattern.length; ) {
    const char = pattern[at] as string
    if (char === '[') {
      const set = compileSet(pattern, at)
      source += set.source
      at = set.end
      isLiteral = false
    } else if (char === '*' || char === '?') {
      source += char === '*' ? '.*' : '.'
      at += 1
      isLiteral = false
    } else {
      const literal = char === '\\' ? literalAt(pattern, at + 1) : char
      source += RegExp.escape(literal)
      name += literal
      at += char === '\\' ? 2 : 1
    }
  }
  return isLiteral ? { name } : { matches: new RegExp(`^${source}$`, 'su') }
}

async function* search(
  searched: Searched,
  from: string,
  parts: readonly Part[],
  options: CallOptions,
): AsyncGenerator<FileStatus> {
  let path = from
  for (const [index, part] of parts.entries()) {
    if ('matches' in part) {
      yield* searchDirectory(searched, path, part.matches, parts.slice(index + 1), options)
      return
    }
    path = joinPath(path, part.name)
  }
  const status = await orNothing(searched.getFileStatus(path, options))
  if (status !== undefined) yield status
}

async function* searchDirectory(
  searched: Searched,
  directory: string,
  matches: RegExp,
  rest: readonly Part[],
  options: CallOptions,
): AsyncGenerator<FileStatus> {
  const status = await orNothing(searched.getFileStatus(directory, options))
  if (status?.isDirectory() !== true) return
  for await (const entry of searched.listStatus(directory, options)) {
    if (!matches.test(entry.name)) continue
    if (rest.length === 0) yield entry
    else if (!entry.isFile()) yield* search(searched, entry.path, rest, options)
  }
}

async function orNothing(status: Promise<FileStatus>): Promise<FileStatus | undefined> {
  try {
    return await status
  } catch (error) {
    if (isFsError(error, 'NOT_FOUND') || isFsError(error, 'NOT_A_DIRECTORY')) return undefined
    throw error
  }
}

function partsOf(pattern: string): Part[] {
  return pattern
    .split('/')
    .filter(name => name !== '' && name !== '.')
    .map(compileName)
}

interface Group {
  readonly before: string
  readonly alternatives: string[]
  readonly after: string
}

/** The first `{…}` of a pattern, cut at its own commas; braces inside stay for later. */
function firstGroup(pattern: string): Group | undefined {
  const start = findPlain(pattern, '{', 0)
  if (start < 0) return undefined
  const alternatives: string[] = []
  let depth = 0
  let from = start + 1
  for (let at = start; at < pattern.length; at++) {
    const char = pattern[at]
    if (char === '\\') at += 1
    else if (char === '{') depth += 1
    else if (char === '}') depth -= 1
    if (depth === 0 || (depth === 1 && char === ',')) {
      alternatives.push(pattern.slice(from, at))
      from = at + 1
    }
    if (depth === 0) return { before: pattern.slice(0, start), alternatives, after: pattern.slice(from) }
  }
  throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(pattern)} has a { without its }`)
}

function findPlain(pattern: string, wanted: string, from: number): number {
  for (let at = from; at < pattern.length; at++) {
    if (pattern[at] === '\\') at += 1
    else if (pattern[at] === wanted) return at
  }
  return -1
}

/** The set that starts at `[`, as a regular expression, and where it ends. */
function compileSet(pattern: string, start: number): { source: string; end: number } {
  let at = start + 1
  let source = ''
  const isNegated = pattern[at] === '^' || pattern[at] === '!'
  if (isNegated) at += 1
  for (let isFirst = true; pattern[at] !== ']' || isFirst; isFirst = false) {
    const { char, next } = setMember(pattern, at)
    if (pattern[next] === '-' && pattern[next + 1] !== ']') {
      const last = setMember(pattern, next + 1)
      if (last.char < char) throw new FsError('INVALID_ARGUMENT', `the range ${char}-${last.char} is empty`)
      source += `${RegExp.escape(char)}-${RegExp.escape(last.char)}`
      at = last.next
    } else {
      source += RegExp.escape(char)
      at = next
    }
  }
  return { source: `[${isNegated ? '^' : ''}${source}]`, end: at + 1 }
}

function setMember(pattern: string, at: number): { char: string; next: number } {
  const char = pattern[at]
  if (char === undefined) {
    throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(pattern)} has a [ without its ]`)
  }
  if (char === '\\') return { char: literalAt(pattern, at + 1), next: at + 2 }
  const point = String.fromCodePoint(pattern.codePointAt(at) as number)
  return { char: point, next: at + point.length }
}

function literalAt(pattern: string, at: number): string {
  const char = pattern[at]
  if (char === undefined) throw new FsError('INVALID_ARGUMENT', 'a pattern ends with \\')
  return char
}
