/** The replicated state of the simulation: how many entries were applied, and a digest of all of them. */
import { mix } from '../load/random.ts'

export interface MachineState {
  readonly appliedIndex: number
  readonly digest: number
}

export const EMPTY_STATE: MachineState = { appliedIndex: 0, digest: 0 }

/** The state after one more entry with this content. */
export function applied(state: MachineState, index: number, content: number): MachineState {
  return { appliedIndex: index, digest: mix(Math.imul(state.digest, 31) ^ mix(content + 1)) }
}
