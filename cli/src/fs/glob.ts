/**
 * Hadoop's patterns for paths: `*` and `?` within a name, `[abc]`, `[a-z]`, `[^a]`, alternatives `{a,b}` (also across
 * names), and `\c` for a plain character. Pure: it reads no directory; `expandPattern` is given one to ask.
 */
import { PathError, ShellError } from './path-error.ts'

/** Paths that the alternatives of one pattern may stand for; more: refused. */
const ALTERNATIVES_MAX = 4096

/** What expansion needs to know of a tree. */
export interface GlobTree<Entry> {
  /** Entries of a directory by name; none where the path is no directory or not there. */
  entries(path: string): AsyncIterable<{ readonly name: string; readonly entry: Entry }>
  /** The entry at a path without patterns, or undefined. */
  find(path: string): Promise<Entry | undefined>
}

export interface Match<Entry> {
  readonly path: string
  readonly entry: Entry
}

/** Whether the text holds any pattern (an escaped character counts, since it has to be unescaped). */
export function isPattern(text: string): boolean {
  return /[*?[{\\]/.test(text)
}

/** The text with its escapes resolved, for a pattern that matched nothing and stands for itself. */
export function withoutEscapes(text: string): string {
  return text.replaceAll(/\\(.)/g, '$1')
}

/** Every match, in byte order of paths and each once. A malformed pattern throws PathError. */
export async function expandPattern<Entry>(tree: GlobTree<Entry>, pattern: string): Promise<Match<Entry>[]> {
  const found = new Map<string, Match<Entry>>()
  for (const alternative of alternativesOf(pattern)) {
    for (const match of await expandNames(tree, alternative)) found.set(match.path, match)
  }
  return [...found.values()].sort((left, right) => comparePaths(left.path, right.path))
}

async function expandNames<Entry>(tree: GlobTree<Entry>, pattern: string): Promise<Match<Entry>[]> {
  const names = splitNames(pattern)
  // Directories reached so far; a run of plain names is appended without asking.
  let reached = [pattern.startsWith('/') ? '/' : '']
  for (const [index, name] of names.entries()) {
    if (!isPattern(name)) {
      reached = reached.map(path => join(path, name))
      continue
    }
    const matches = nameMatcher(name)
    if (index === names.length - 1) return matchLast(tree, reached, matches)
    reached = (await matchLast(tree, reached, matches)).map(({ path }) => path)
  }
  const last: Match<Entry>[] = []
  for (const path of reached) {
    const entry = await tree.find(path)
    if (entry !== undefined) last.push({ path, entry })
  }
  return last
}

async function matchLast<Entry>(
  tree: GlobTree<Entry>,
  folders: readonly string[],
  matches: (name: string) => boolean,
): Promise<Match<Entry>[]> {
  const found: Match<Entry>[] = []
  for (const folder of folders) {
    for await (const { name, entry } of tree.entries(folder)) {
      if (matches(name)) found.push({ path: join(folder, name), entry })
    }
  }
  return found
}

/** Splits at slashes outside brackets. Empty names (doubled or closing slashes) vanish. */
function splitNames(pattern: string): string[] {
  const names: string[] = []
  let name = ''
  for (let position = 0; position < pattern.length; position++) {
    const letter = pattern[position] as string
    if (letter === '\\' && position + 1 < pattern.length) {
      position += 1
      name += letter + pattern[position]
    } else if (letter === '/') {
      if (name !== '') names.push(name)
      name = ''
    } else name += letter
  }
  return name === '' ? names : [...names, name]
}

function join(folder: string, name: string): string {
  return folder === '' || folder === '/' ? folder + name : `${folder}/${name}`
}

function comparePaths(left: string, right: string): number {
  return Buffer.compare(Buffer.from(left), Buffer.from(right))
}

/** Whether a name matches one part of a pattern (without `{}`). */
export function nameMatcher(pattern: string): (name: string) => boolean {
  let source = ''
  for (let position = 0; position < pattern.length; position++) {
    const letter = pattern[position] as string
    if (letter === '*') source += '.*'
    else if (letter === '?') source += '.'
    else if (letter === '[') {
      const end = classEnd(pattern, position)
      source += classSource(pattern, position, end)
      position = end
    } else if (letter === '\\' && position + 1 < pattern.length) {
      position += 1
      source += literal(pattern[position] as string)
    } else source += literal(letter)
  }
  const expression = compile(pattern, source)
  return name => expression.test(name)
}

function compile(pattern: string, source: string): RegExp {
  try {
    return new RegExp(`^${source}$`, 'su')
  } catch (error) {
    throw new ShellError(`Illegal file pattern: ${pattern}`, { cause: error })
  }
}

/** Position of the bracket that closes the class opened at `start`; one right at its beginning is a member. */
function classEnd(pattern: string, start: number): number {
  let position = start + 1
  if (pattern[position] === '^' || pattern[position] === '!') position += 1
  for (let first = true; position < pattern.length; position++, first = false) {
    if (pattern[position] === '\\') position += 1
    else if (pattern[position] === ']' && !first) return position
  }
  throw new PathError(pattern, 'Illegal file pattern: Unclosed character class')
}

function classSource(pattern: string, start: number, end: number): string {
  const negated = pattern[start + 1] === '^' || pattern[start + 1] === '!'
  let source = negated ? '[^' : '['
  for (let position = start + (negated ? 2 : 1); position < end; position++) {
    const letter = pattern[position] as string
    const isRange = letter === '-' && source.length > (negated ? 2 : 1) && position < end - 1
    if (letter === '\\' && position + 1 < end) {
      position += 1
      source += member(pattern[position] as string)
    } else source += isRange ? '-' : member(letter)
  }
  return `${source}]`
}

function literal(letter: string): string {
  return /[\\^$.*+?()[\]{}|/]/.test(letter) ? `\\${letter}` : letter
}

/** The same within a class, where a dash means a range. */
function member(letter: string): string {
  return letter === '-' ? '\\-' : literal(letter)
}

/** Writes out `{a,b}`, nested ones too: one pattern without braces for each combination. */
export function alternativesOf(pattern: string): string[] {
  const open = findBrace(pattern)
  if (open < 0) return [pattern]
  const { end, parts } = splitBrace(pattern, open)
  const head = pattern.slice(0, open)
  const tails = alternativesOf(pattern.slice(end + 1))
  const all = parts.flatMap(alternativesOf).flatMap(part => tails.map(tail => head + part + tail))
  if (all.length > ALTERNATIVES_MAX) {
    throw new PathError(pattern, `Illegal file pattern: over ${ALTERNATIVES_MAX} alternatives`)
  }
  return all
}

function findBrace(pattern: string): number {
  for (let position = 0; position < pattern.length; position++) {
    if (pattern[position] === '\\') position += 1
    else if (pattern[position] === '{') return position
  }
  return -1
}

/** The alternatives of the brace at `open`, and where it closes. */
function splitBrace(pattern: string, open: number): { end: number; parts: string[] } {
  const parts: string[] = []
  let part = ''
  let depth = 0
  for (let position = open + 1; position < pattern.length; position++) {
    const letter = pattern[position] as string
    if (letter === '\\') {
      position += 1
      part += letter + (pattern[position] ?? '')
      continue
    }
    if (letter === '}' && depth === 0) return { end: position, parts: [...parts, part] }
    if (letter === ',' && depth === 0) {
      parts.push(part)
      part = ''
      continue
    }
    if (letter === '{') depth += 1
    if (letter === '}') depth -= 1
    part += letter
  }
  throw new PathError(pattern, 'Illegal file pattern: Unclosed group')
}
