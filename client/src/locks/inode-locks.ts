/** One inode of which something is locked here: who decides, who asks, and through which handles. */
import { Serial } from '../fs/serial.ts'

export class InodeLocks {
  readonly inodeId: number
  /** Number of the delegation while this session decides; 0 while the namenode does. */
  delegation = 0
  /** Requests that wait for a lock at the namenode. */
  waits = 0
  isRecalling = false
  usedMs = performance.now()
  /** Handles through which each owner locked, by `keyOf`. */
  readonly takers = new Map<string, Set<number>>()
  readonly #turns = new Serial()
  #busy = 0

  constructor(inodeId: number) {
    this.inodeId = inodeId
  }

  /** Whether a decision made now would pass none that was asked for before. */
  get isIdle(): boolean {
    return this.#busy === 0
  }

  /** Decisions that must wait are made one after the other. */
  async inTurn<T>(work: () => Promise<T>): Promise<T> {
    this.#busy += 1
    try {
      return await this.#turns.run(work)
    } finally {
      this.#busy -= 1
    }
  }

  taken(key: string, handle: number): void {
    const handles = this.takers.get(key)
    if (handles === undefined) this.takers.set(key, new Set([handle]))
    else handles.add(handle)
  }
}

/** Names an owner within an inode. */
export function keyOf(kind: number, owner: string): string {
  return `${kind} ${owner}`
}
