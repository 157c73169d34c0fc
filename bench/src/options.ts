/**
 * Options of a workload as data: from the rows come the parser, the help text and the `options` of a report.
 * It never guesses: an unknown option or a value out of range is refused.
 */
import { parseArgs } from 'node:util'
import { UsageError } from './failure.ts'

export interface OptionRow {
  /** Long name without dashes, in kebab-case. */
  readonly name: string
  readonly type: 'flag' | 'count' | 'text' | 'choice' | 'counts' | 'texts'
  readonly default?: string | number | readonly number[]
  readonly choices?: readonly string[]
  readonly minimum?: number
  readonly sentence: string
}

type Plain<Row extends OptionRow> = Row['type'] extends 'flag'
  ? boolean
  : Row['type'] extends 'count'
    ? number
    : Row['type'] extends 'counts'
      ? readonly number[]
      : Row['type'] extends 'texts'
        ? readonly string[]
        : Row extends { readonly choices: readonly (infer Choice)[] }
          ? Choice
          : string

type ValueOf<Row extends OptionRow> = Row['type'] extends 'flag'
  ? boolean
  : Row['type'] extends 'texts'
    ? readonly string[]
    : Row extends { readonly default: string | number | readonly number[] }
      ? Plain<Row>
      : Plain<Row> | undefined

export type Values<Rows extends readonly OptionRow[]> = {
  readonly [Row in Rows[number] as Row['name']]: ValueOf<Row>
}

export function parseOptions<const Rows extends readonly OptionRow[]>(
  rows: Rows,
  args: readonly string[],
): Values<Rows> {
  const { values, words } = parseWithWords(rows, args)
  if (words[0] !== undefined) throw new UsageError(`${words[0]} is not an option`)
  return values
}

/** Also takes words that belong to no option. */
export function parseWithWords<const Rows extends readonly OptionRow[]>(
  rows: Rows,
  args: readonly string[],
): { readonly values: Values<Rows>; readonly words: readonly string[] } {
  const { given, words } = readArgs(rows, args)
  const values: Record<string, unknown> = {}
  for (const row of rows) {
    const raw = given[row.name]
    if (typeof raw === 'string') values[row.name] = convert(row, raw)
    else values[row.name] = raw ?? presetOf(row)
  }
  return { values: values as Values<Rows>, words }
}

function presetOf({ type, default: preset }: OptionRow): unknown {
  if (type === 'flag') return false
  return type === 'texts' ? [] : preset
}

type Given = Readonly<Record<string, string | boolean | ReadonlyArray<string | boolean> | undefined>>

function readArgs(
  rows: readonly OptionRow[],
  args: readonly string[],
): { given: Given; words: readonly string[] } {
  const options = Object.fromEntries(
    rows.map(({ name, type }) => [
      name,
      { type: type === 'flag' ? ('boolean' as const) : ('string' as const), multiple: type === 'texts' },
    ]),
  )
  try {
    const found = parseArgs({ args: [...args], options, strict: true, allowPositionals: true })
    return { given: found.values, words: found.positionals }
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code?.startsWith('ERR_PARSE_ARGS') !== true) throw error
    throw new UsageError(message.split('. ')[0] ?? message)
  }
}

function convert(row: OptionRow, text: string): string | number | readonly number[] {
  if (row.type === 'count') return count(row, text)
  if (row.type === 'counts') return text.split(',').map(part => count(row, part))
  if (row.type === 'choice' && row.choices?.includes(text) !== true) {
    throw new UsageError(`--${row.name} must be one of ${row.choices?.join(', ')}, not ${text}`)
  }
  return text
}

function count(row: OptionRow, text: string): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  const minimum = row.minimum ?? 0
  if (number >= minimum) return number
  throw new UsageError(`--${row.name} must be a whole number of at least ${minimum}, not ${text}`)
}

/** Lines of help, one per option. */
export function optionLines(rows: readonly OptionRow[]): string[] {
  const heads = rows.map(row => `  --${row.name}${row.type === 'flag' ? '' : ` ${valueName(row)}`}`)
  const width = Math.max(0, ...heads.map(head => head.length))
  return rows.map((row, index) => {
    const preset = row.default === undefined ? '' : ` Default ${String(row.default)}.`
    return `${(heads[index] as string).padEnd(width)}  ${row.sentence}${preset}`
  })
}

function valueName(row: OptionRow): string {
  if (row.type === 'choice') return row.choices?.join('|') ?? ''
  return row.type === 'text' || row.type === 'texts' ? 'TEXT' : row.type === 'counts' ? 'N,…' : 'N'
}
