/** A command of `hopbine fs` as data with one function, in Hadoop's dialect: `-name [-flag …] argument …`. */
import type { ShellCall } from './call.ts'

export interface FsFlag {
  /** Without the dash; a name with a leading dash is written with two (`--resume`). */
  readonly name: string
  /** What stands for its value; absent: it has none. */
  readonly value?: string
  readonly sentence: string
}

export interface FsCommand {
  /** Without the dash. */
  readonly name: string
  /** Flags and arguments, as the usage shows them. */
  readonly usage: string
  readonly sentence: string
  readonly flags: readonly FsFlag[]
  /** Number of arguments after the flags: at least, at most. */
  readonly arguments: readonly [least: number, most: number]
  /** Prints results, so it takes `--json`. */
  readonly printsJson: boolean
  /** Arguments that follow are not flags, even with a dash (find's expressions). */
  run(call: ShellCall): Promise<void>
}

/** No upper bound on the number of arguments. */
export const MANY = Number.MAX_SAFE_INTEGER
