/**
 * Pages of a node's blocks in order of id. The folders are read once and the sorted ids kept for a minute (8
 * bytes a block), so that paging through a million blocks reads the folders once.
 */
import type { HeldBlock } from '@hopbine/common/protocol/block.ts'
import type { BlockStore } from '../store/block-store.ts'

const KEPT_MS = 60_000

interface Snapshot {
  readonly ids: Float64Array
  readonly groups: Uint32Array
  readonly takenMs: number
}

export class BlockListing {
  readonly #store: BlockStore
  #snapshot: Promise<Snapshot> | undefined

  constructor(store: BlockStore) {
    this.#store = store
  }

  /** At most `max` blocks with ids above `after`. Listing from the start looks at the folders again. */
  async page(after: number, max: number): Promise<{ blocks: HeldBlock[]; more: boolean }> {
    const { ids, groups } = await this.#current(after <= 0)
    const blocks: HeldBlock[] = []
    let index = firstAbove(ids, after)
    for (; index < ids.length && blocks.length < max; index++) {
      const name = { blockId: ids[index] as number, group: groups[index] as number }
      const block = await this.#store.describe(name)
      if (block !== undefined) blocks.push(block)
    }
    return { blocks, more: index < ids.length }
  }

  async #current(isFirst: boolean): Promise<Snapshot> {
    const known = await this.#snapshot
    if (known === undefined || isFirst || performance.now() - known.takenMs > KEPT_MS) {
      const taking = this.#take()
      this.#snapshot = taking
      const timer = setTimeout(() => {
        if (this.#snapshot === taking) this.#snapshot = undefined
      }, KEPT_MS)
      timer.unref()
      return taking
    }
    return known
  }

  async #take(): Promise<Snapshot> {
    const names: Array<{ blockId: number; group: number }> = []
    for await (const { blockId, group } of this.#store.names()) names.push({ blockId, group })
    names.push(...this.#store.quarantinedNames)
    names.sort((left, right) => left.blockId - right.blockId)
    return {
      ids: Float64Array.from(names, name => name.blockId),
      groups: Uint32Array.from(names, name => name.group),
      takenMs: performance.now(),
    }
  }
}

function firstAbove(ids: Float64Array, after: number): number {
  let low = 0
  let high = ids.length
  while (low < high) {
    const middle = (low + high) >> 1
    if ((ids[middle] as number) > after) high = middle
    else low = middle + 1
  }
  return low
}
