/**
 * Blocks whose writing failed while their members held bytes that were acknowledged and perhaps not on
 * disk. Before such bytes may be called synced, a copy that holds them all is sealed. It writes no byte.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { BlockPool } from '../blocks/block-pool.ts'
import { BlockWriter } from '../blocks/block-writer.ts'

interface Unsealed {
  readonly block: LocatedBlock
  /** Bytes that every member had acknowledged. */
  readonly length: number
}

export class UnsealedCopies {
  readonly #pool: BlockPool
  readonly #signal: AbortSignal
  readonly #blocks: Unsealed[] = []

  constructor(pool: BlockPool, signal: AbortSignal) {
    this.#pool = pool
    this.#signal = signal
  }

  add(block: LocatedBlock, length: number): void {
    this.#blocks.push({ block, length })
  }

  /** The first block that still waits. */
  get next(): LocatedBlock | undefined {
    return this.#blocks[0]?.block
  }

  /**
   * Seals the block that `next` names at the members which did not fail or, where that does not do, at any
   * one. Throws what the last try met, and the block goes on waiting.
   */
  async sealNext(failedNodes: readonly string[]): Promise<void> {
    const first = this.#blocks[0]
    if (first === undefined) return
    const { members } = first.block
    const sound = members.filter(({ nodeId }) => !failedNodes.includes(nodeId))
    const choices = [sound, ...members.map(member => [member])].filter(choice => choice.length > 0)
    let failure: unknown
    for (const choice of choices) {
      failure = await this.#seal(first, choice)
      if (failure === undefined) {
        this.#blocks.shift()
        return
      }
    }
    throw failure
  }

  async #seal({ block, length }: Unsealed, members: DatanodeAddress[]): Promise<unknown> {
    try {
      const options = { signal: this.#signal, startOffset: length, reconnectMs: 0 }
      const writer = await BlockWriter.open(this.#pool, { ...block, members }, options)
      await writer.seal()
      return undefined
    } catch (error) {
      if (!isFsError(error) || error.code === 'CANCELLED') throw error
      // The copy is sealed or synced beyond these bytes already: they are on its disk.
      return error.code === 'INVALID_ARGUMENT' ? undefined : error
    }
  }
}
