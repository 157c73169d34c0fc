/** What a load is: a source of operations for the pump of one generator process. */
import type { RpcClient } from '@hopbine/common/rpc/client.ts'

export interface Step {
  /** Index into `Load.kinds`. */
  readonly kind: number
  /** One operation, which may take several calls; a rejection counts as its error. */
  run(rpc: RpcClient): Promise<void>
}

export interface Load {
  /** Names of the kinds of operations. */
  readonly kinds: readonly string[]
  /** Called once before anything else. */
  prepare?(rpc: RpcClient): Promise<void>
  /** The next operation of one slot in flight (0 … inFlight − 1); undefined: none is left. */
  next(slot: number): Step | undefined
  /** Called once after the measurement, and not part of it. */
  finish?(rpc: RpcClient): Promise<void>
  /** What the load counted itself, asked for at the very end. */
  counts?(): Readonly<Record<string, number>>
}

/** Runs `body` for each number below `count`, so many at a time, and stops at the first failure. */
export async function eachOf(
  count: number,
  atATime: number,
  body: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0
  const lane = async (): Promise<void> => {
    while (next < count) await body(next++)
  }
  await Promise.all(Array.from({ length: Math.min(atATime, count) }, lane))
}
