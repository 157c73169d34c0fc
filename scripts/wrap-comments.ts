/**
 * Wraps comment paragraphs that run over the line width, as the formatter does with code. It changes nothing
 * else: lists, tags and lines that fit stay as they are. `node scripts/wrap-comments.ts [FILE…]`; without
 * files, the whole tree.
 */
import { execFileSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'

const WIDTH = 110
const SINGLE = /^(\s*)\/\*\* (.*) \*\/$/
const PROSE = /^(\s*(?:\* |\/\/ ))(\S.*)$/
const LIST_ITEM = /^(?:[-*@|]|\d+\.)/

function wrapFile(path: string): void {
  const before = readFileSync(path, 'utf8')
  const after = wrapLines(before.split('\n')).join('\n')
  if (after !== before) writeFileSync(path, after)
}

function wrapLines(lines: string[]): string[] {
  const out: string[] = []
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] as string
    const single = SINGLE.exec(line)
    if (single !== null && line.length > WIDTH) {
      const [, indent = '', text = ''] = single
      out.push(`${indent}/**`, ...fill(text, `${indent} * `), `${indent} */`)
      at += 1
      continue
    }
    const end = paragraphEnd(lines, at)
    const paragraph = lines.slice(at, end)
    const prefix = PROSE.exec(line)?.[1] ?? ''
    const isTooWide = prefix !== '' && paragraph.some(each => each.length > WIDTH)
    if (isTooWide) out.push(...fill(paragraph.map(each => each.slice(prefix.length)).join(' '), prefix))
    else out.push(...paragraph)
    at = end
  }
  return out
}

/** Index behind the paragraph of comment lines that starts at `start`. */
function paragraphEnd(lines: string[], start: number): number {
  const prefix = PROSE.exec(lines[start] as string)?.[1]
  let end = start + 1
  if (prefix === undefined) return end
  for (; end < lines.length; end++) {
    const next = PROSE.exec(lines[end] as string)
    if (next === null || next[1] !== prefix || LIST_ITEM.test(next[2] as string)) return end
  }
  return end
}

function fill(text: string, prefix: string): string[] {
  const lines: string[] = []
  let line = prefix
  for (const word of text.split(/\s+/)) {
    if (line !== prefix && line.length + 1 + word.length > WIDTH) {
      lines.push(line)
      line = prefix
    }
    line += line === prefix ? word : ` ${word}`
  }
  return [...lines, line]
}

const tracked = (): string[] =>
  execFileSync('git', ['ls-files', '-co', '--exclude-standard', '*.ts'], { encoding: 'utf8' })
    .split('\n')
    .filter(path => path !== '')
for (const path of process.argv.length > 2 ? process.argv.slice(2) : tracked()) wrapFile(path)
