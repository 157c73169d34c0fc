/**
 * Turns a command line into typed values by the command's rows, filling in settings from the environment
 * and the settings file. Flag before variable before file before default. It never guesses: an unknown
 * option is refused.
 */
import { CommandError, UsageError } from '../exit.ts'
import { nearest } from './nearest.ts'
import { type OptionRow, type Values, variableOf } from './row.ts'

export interface Parsed<Rows extends readonly OptionRow[]> {
  readonly values: Values<Rows>
  readonly positionals: readonly string[]
}

/** Where values come from besides the command line. */
export interface Sources {
  readonly environment: Readonly<Record<string, string | undefined>>
  /** Values of the settings file, and its path for messages. */
  readonly file?: { readonly path: string; readonly values: Readonly<Record<string, unknown>> }
}

type Value = string | number | boolean | Array<string | number>

export function parseOptions<const Rows extends readonly OptionRow[]>(
  rows: Rows,
  args: readonly string[],
  sources: Sources = { environment: {} },
): Parsed<Rows> {
  const given = new Map<string, Value>()
  const positionals = readCommandLine(rows, args, given)
  const values: Record<string, Value | undefined> = {}
  for (const row of rows) values[row.name] = given.get(row.name) ?? fromSources(row, sources) ?? fallback(row)
  return { values: values as unknown as Values<Rows>, positionals }
}

function readCommandLine(
  rows: readonly OptionRow[],
  args: readonly string[],
  given: Map<string, Value>,
): string[] {
  const positionals: string[] = []
  const rest = args.values()
  for (const arg of rest) {
    if (arg === '--') return [...positionals, ...rest]
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg)
      continue
    }
    const equals = arg.indexOf('=')
    const name = equals < 0 ? arg : arg.slice(0, equals)
    const row = findRow(rows, name)
    if (row.type === 'flag') {
      if (equals >= 0) throw new UsageError(`${name} takes no value`)
      given.set(row.name, true)
      continue
    }
    const text = equals < 0 ? rest.next().value : arg.slice(equals + 1)
    if (text === undefined) throw new UsageError(`${name} needs a value: ${name} ${valueName(row)}`)
    keep(row, convert(row, text, name), given)
  }
  return positionals
}

function findRow(rows: readonly OptionRow[], name: string): OptionRow {
  const row = rows.find(candidate => `--${candidate.name}` === name)
  if (row !== undefined) return row
  const known = rows.map(candidate => `--${candidate.name}`)
  const close = nearest(name.startsWith('--') ? name : `-${name}`, known)
  throw new UsageError(`unknown option ${name}${close === undefined ? '' : `, did you mean ${close}?`}`)
}

function keep(row: OptionRow, value: string | number, given: Map<string, Value>): void {
  const before = given.get(row.name)
  if (row.multiple !== true) given.set(row.name, value)
  else if (Array.isArray(before)) before.push(value)
  else given.set(row.name, [value])
}

function fromSources(row: OptionRow, sources: Sources): Value | undefined {
  if (row.setting !== true) return undefined
  const variable = variableOf(row)
  const text = sources.environment[variable]
  if (text !== undefined && text !== '') {
    return row.type === 'flag' ? truth(text, variable) : convert(row, text, variable)
  }
  const stored = sources.file?.values[row.name]
  return stored === undefined ? undefined : fromFile(row, stored, sources.file?.path ?? '')
}

function fromFile(row: OptionRow, stored: unknown, path: string): Value {
  const label = `"${row.name}" in ${path}`
  try {
    return convertStored(row, stored, label)
  } catch (error) {
    // The command line is fine; it is the file that has to be corrected.
    throw error instanceof UsageError ? new CommandError(error.message) : error
  }
}

function convertStored(row: OptionRow, stored: unknown, label: string): Value {
  if (row.type === 'flag' && typeof stored === 'boolean') return stored
  if (row.type !== 'flag' && (typeof stored === 'string' || typeof stored === 'number')) {
    return convert(row, String(stored), label)
  }
  throw new UsageError(`${label} must be ${row.type === 'flag' ? 'true or false' : valueName(row)}`)
}

function fallback(row: OptionRow): Value | undefined {
  if (row.multiple === true) return []
  return row.type === 'flag' ? false : row.default
}

function truth(text: string, label: string): boolean {
  if (['1', 'true', 'yes', 'on'].includes(text.toLowerCase())) return true
  if (['0', 'false', 'no', 'off'].includes(text.toLowerCase())) return false
  throw new UsageError(`${label} must be true or false, not ${JSON.stringify(text)}`)
}

function convert(row: OptionRow, text: string, label: string): string | number {
  if (row.type === 'choice') {
    const choices = row.choices ?? []
    if (choices.includes(text)) return text
    throw new UsageError(`${label} must be one of ${choices.join(', ')}, not ${JSON.stringify(text)}`)
  }
  if (row.type !== 'count' && row.type !== 'port') return text
  const minimum = row.minimum ?? 0
  const maximum = row.maximum ?? (row.type === 'port' ? 65_535 : Number.MAX_SAFE_INTEGER)
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN
  if (number >= minimum && number <= maximum) return number
  const range =
    maximum === Number.MAX_SAFE_INTEGER ? `of at least ${minimum}` : `from ${minimum} to ${maximum}`
  throw new UsageError(`${label} must be a whole number ${range}, not ${JSON.stringify(text)}`)
}

/** The word that stands for an option's value. */
export function valueName(row: OptionRow): string {
  return row.value ?? (row.type === 'text' ? 'TEXT' : (row.choices?.join('|') ?? 'N'))
}
