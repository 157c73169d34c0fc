/**
 * A command of `hopbine` as data with one function: what it takes, what it says about itself, what it does.
 */
import type { OptionRow, Values } from './row.ts'

export interface Call<Rows extends readonly OptionRow[]> {
  readonly values: Values<Rows>
  readonly positionals: readonly string[]
}

export interface Command {
  /** Full name, for example `admin status`. */
  readonly name: string
  readonly sentence: string
  /** What follows the options, for example `FILE`; empty: no further words. */
  readonly usage: string
  readonly notes?: readonly string[]
  /** How many words follow the options: at least, at most. */
  readonly words: readonly [least: number, most: number]
  readonly options: readonly OptionRow[]
  /** Takes settings from `config.json` of the home folder, too. */
  readonly readsSettings?: boolean
  /** Resolves to the exit code. */
  run(call: Call<readonly OptionRow[]>): Promise<number>
}

/** Ties the type of `run` to the rows of `options`. */
export function defineCommand<const Rows extends readonly OptionRow[]>(
  command: Omit<Command, 'run' | 'options'> & {
    readonly options: Rows
    run(call: Call<Rows>): Promise<number>
  },
): Command {
  return command as unknown as Command
}
