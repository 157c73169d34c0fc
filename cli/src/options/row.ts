/**
 * An option of a command as data. From the rows come the parser, the environment variables, the settings
 * file, `--help` and docs/cli.md, so that no option is described twice.
 */

export interface OptionRow {
  /** Long name without dashes, in kebab-case. */
  readonly name: string
  readonly type: 'flag' | 'text' | 'count' | 'port' | 'choice'
  /** What stands for the value in the usage; a flag has none. */
  readonly value?: string
  readonly choices?: readonly string[]
  /** Taken when nothing says otherwise; without it the option may be absent. */
  readonly default?: string | number
  /** Where the default cannot be a constant, how it is found. */
  readonly defaultNote?: string
  readonly unit?: string
  readonly minimum?: number
  readonly maximum?: number
  readonly sentence: string
  /** Also taken from the environment (`HOPBINE_NAME`) and from the file `config.json` of the home folder. */
  readonly setting?: boolean
  /** May be given many times; the values gather in a list. */
  readonly multiple?: boolean
}

type Plain<Row extends OptionRow> = Row['type'] extends 'flag'
  ? boolean
  : Row['type'] extends 'count' | 'port'
    ? number
    : Row extends { readonly type: 'choice'; readonly choices: readonly (infer Choice extends string)[] }
      ? Choice
      : string

type ValueOf<Row extends OptionRow> = Row['multiple'] extends true
  ? readonly Plain<Row>[]
  : Row['type'] extends 'flag'
    ? boolean
    : Row extends { readonly default: string | number }
      ? Plain<Row>
      : Plain<Row> | undefined

/** Values by option name. Flags are false and lists empty when absent. */
export type Values<Rows extends readonly OptionRow[]> = {
  readonly [Row in Rows[number] as Row['name']]: ValueOf<Row>
}

/** The environment variable of a setting. */
export function variableOf(row: OptionRow): string {
  return `HOPBINE_${row.name.replaceAll('-', '_').toUpperCase()}`
}
