/**
 * What the bench process and its load generators say to each other over Node's channel between parent and
 * child.
 */
import type { Address } from '@hopbine/common/rpc/connection.ts'
import type { Seed } from '@hopbine/common/rpc/server-choice.ts'
import type { LoadSpec } from './kinds/registry.ts'

export type ToGenerator =
  /** Connect, prepare and warm up; answered with `ready`. */
  | { readonly type: 'load'; readonly job: Job }
  /** Measure now; answered with `done`. */
  | { readonly type: 'go' }
  /** Clean up and close; answered with `finished`. */
  | { readonly type: 'finish' }
  /** Begin no further operation; what is in flight is still awaited. */
  | { readonly type: 'stop' }

export type FromGenerator =
  | { readonly type: 'ready' }
  | { readonly type: 'done'; readonly result: LoadResult }
  /** With what the load itself counted, by name. */
  | { readonly type: 'finished'; readonly counts: Readonly<Record<string, number>> }
  | { readonly type: 'failed'; readonly message: string }

export interface Door {
  readonly address: Address
  /** Content of the token file; needed on TCP. */
  readonly token?: string
  /** Of a group: the number of the first member, and where the others are. */
  readonly member?: number
  readonly others?: readonly Seed[]
}

export interface Job {
  readonly door: Door
  readonly load: LoadSpec
  /** Number of this generator, from 0, and how many there are. */
  readonly generator: number
  readonly generators: number
  readonly connections: number
  /** Operations in flight on all connections of this generator together. */
  readonly inFlight: number
  /** Absent: until the load has nothing left. */
  readonly seconds?: number
  readonly warmUpSeconds: number
  readonly seed: number
  /** How long an operation may wait for a server that is away, in milliseconds. */
  readonly retryMs?: number
}

export interface KindResult {
  readonly name: string
  readonly errors: number
  /** Counters of a `Histogram` of the operations that went well. */
  readonly counters: Uint32Array
}

export interface LoadResult {
  readonly kinds: readonly KindResult[]
  readonly elapsedMs: number
  /** User and system time of the generator while it measured. */
  readonly cpuMicros: number
  /** The first few failures, in words. */
  readonly failures: readonly string[]
}
