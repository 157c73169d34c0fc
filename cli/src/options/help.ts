/** Renders a command's usage and its options as text for `--help`. It never prints. */
import { valueName } from './parse.ts'
import { type OptionRow, variableOf } from './row.ts'

export interface Described {
  /** Full name, for example `admin status`. */
  readonly name: string
  /** What follows the name and the options, for example `FILE`. */
  readonly usage: string
  readonly sentence: string
  /** Further lines for people: examples, exit codes. */
  readonly notes?: readonly string[]
  readonly options: readonly OptionRow[]
}

const TEXT_COLUMNS = 100

export function usageLine(command: Described): string {
  const parts = ['hopbine', command.name, command.options.length > 0 ? '[OPTIONS]' : '', command.usage]
  return parts.filter(part => part !== '').join(' ')
}

export function helpText(command: Described): string {
  const lines = [`Usage: ${usageLine(command)}`, '', command.sentence]
  const rows = command.options.map(row => [optionHead(row), optionText(row)] as const)
  if (rows.length > 0) lines.push('', 'Options:', ...columns(rows))
  if (command.notes !== undefined) lines.push('', ...command.notes)
  return `${lines.join('\n')}\n`
}

/** `--name VALUE`, as shown in help and docs. */
export function optionHead(row: OptionRow): string {
  return row.type === 'flag' ? `--${row.name}` : `--${row.name} ${valueName(row)}`
}

export function optionText(row: OptionRow): string {
  const facts = [
    row.choices?.join(', '),
    row.unit,
    row.default === undefined ? row.defaultNote && `default ${row.defaultNote}` : `default ${row.default}`,
    row.setting === true ? variableOf(row) : undefined,
  ].filter(fact => fact !== undefined)
  return facts.length === 0 ? row.sentence : `${row.sentence} (${facts.join(', ')})`
}

/** Two columns, the second wrapped to the text width. */
export function columns(rows: ReadonlyArray<readonly [head: string, text: string]>): string[] {
  const width = Math.max(...rows.map(([head]) => head.length))
  return rows.flatMap(([head, text]) => {
    const [first = '', ...more] = wrap(text, TEXT_COLUMNS - width - 4)
    return [`  ${head.padEnd(width)}  ${first}`, ...more.map(line => ' '.repeat(width + 4) + line)]
  })
}

function wrap(text: string, width: number): string[] {
  const lines: string[] = []
  let line = ''
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > width) {
      lines.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...lines, line]
}
