/** What a workload is: options, a preparation that is done once, and a measurement that may be repeated. */
import type { ProcessCluster } from '../cluster/processes.ts'
import type { Fleet } from '../load/fleet.ts'
import type { OptionRow, Values } from '../options.ts'
import type { Metrics } from '../report/metrics.ts'

export interface Bench {
  readonly cluster: ProcessCluster
  readonly fleet: Fleet
  /** Part of names that no other run has. */
  readonly run: string
  /** Whether what the workload made is to stay. */
  readonly keep: boolean
  /** Cores for the client side; undefined: wherever the kernel puts it. */
  readonly clientCore: number | undefined
  /** Where a profile of the namenode goes, and the port to take it from; undefined: none is taken. */
  readonly profile: { readonly folder: string; readonly inspectPort: number } | undefined
  /** Tells people what is going on; never part of the report. */
  note(text: string): void
}

export interface Workload {
  readonly name: string
  readonly sentence: string
  readonly options: readonly OptionRow[]
  /** How many datanodes it needs, where they are started. */
  datanodes(values: Values<readonly OptionRow[]>): number
  /** How many namenodes it needs; absent: as many as were asked for. */
  namenodes?(values: Values<readonly OptionRow[]>): number
  /** It stops or kills servers. */
  readonly mustOwn: boolean
  prepare(bench: Bench, values: Values<readonly OptionRow[]>): Promise<void>
  measure(bench: Bench, values: Values<readonly OptionRow[]>, repetition: number): Promise<Metrics>
  /** Removes from the filesystem what preparation made. */
  cleanUp(bench: Bench, values: Values<readonly OptionRow[]>): Promise<void>
}

/** Ties the type of `values` to the rows of `options`. */
export function defineWorkload<const Rows extends readonly OptionRow[]>(
  workload: Omit<Workload, 'options' | 'datanodes' | 'namenodes' | 'prepare' | 'measure' | 'cleanUp'> & {
    readonly options: Rows
    datanodes(values: Values<Rows>): number
    namenodes?(values: Values<Rows>): number
    prepare?(bench: Bench, values: Values<Rows>): Promise<void>
    measure(bench: Bench, values: Values<Rows>, repetition: number): Promise<Metrics>
    cleanUp?(bench: Bench, values: Values<Rows>): Promise<void>
  },
): Workload {
  const nothing = async (): Promise<void> => undefined
  return { prepare: nothing, cleanUp: nothing, ...workload } as unknown as Workload
}
