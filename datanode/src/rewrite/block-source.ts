/**
 * Where a rewrite reads from: this datanode's own copy of a block where it has one, else the copies of other
 * members in turn. What it returns is verified. One read at a time.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import { PACKET_BYTES_MAX } from '@hopbine/common/protocol/block.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { chunksTouched } from '@hopbine/common/wire/chunk-crc.ts'
import type { BlockService } from '../server/service.ts'
import { PeerReader } from './peer-reader.ts'

export class BlockSource {
  readonly #service: BlockService
  readonly #nodeId: string
  readonly #peers = new Map<string, PeerReader>()

  constructor(service: BlockService, nodeId: string) {
    this.#service = service
    this.#nodeId = nodeId
  }

  /** Fills `target` from `offset` of the block on. Throws what the last copy asked failed with. */
  async read(block: LocatedBlock, offset: number, target: Buffer): Promise<void> {
    if (await this.#readOwn(block, offset, target)) return
    let failure = new FsError('BLOCK_NOT_FOUND', `no other member has block ${block.blockId}`)
    for (const node of block.members) {
      if (node.nodeId === this.#nodeId) continue
      try {
        const peer = await this.#peer(node)
        // Memory of its own: what a lost connection still owed may land after the next member was asked.
        const memory = Buffer.allocUnsafe(target.length)
        await peer.read(block, offset, memory)
        memory.copy(target)
        return
      } catch (error) {
        if (!isFsError(error)) throw error
        failure = error
      }
    }
    throw failure
  }

  close(): void {
    for (const peer of this.#peers.values()) peer.close()
    this.#peers.clear()
  }

  /** False when there is no copy here, or none that is good and long enough. */
  async #readOwn({ blockId, group }: LocatedBlock, offset: number, target: Buffer): Promise<boolean> {
    const { store } = this.#service
    const name = { blockId, group }
    try {
      const held = await store.use(name)
      try {
        for (let at = 0; at < target.length; ) {
          const from = offset + at
          // A piece ends where the block's megabytes end, so that it and its chunks fit into one buffer.
          const to = Math.min(offset + target.length, from - (from % PACKET_BYTES_MAX) + PACKET_BYTES_MAX)
          const view = held.file.view()
          if (to > view.length) return false
          const memory = store.buffers.take(chunksTouched(from, to - from) * CHECKSUM_CHUNK_BYTES)
          try {
            const { bytes } = await held.file.read(view, from, to, memory)
            bytes.copy(target, at)
          } finally {
            store.buffers.give(memory)
          }
          at += to - from
        }
        return true
      } finally {
        held.release()
      }
    } catch (error) {
      if (isFsError(error, 'CORRUPT')) await this.#service.foundBad(name, error)
      else if (!isFsError(error, 'BLOCK_NOT_FOUND')) throw error
      return false
    }
  }

  async #peer(node: DatanodeAddress): Promise<PeerReader> {
    const known = this.#peers.get(node.nodeId)
    if (known?.isOpen) return known
    const peer = await PeerReader.connect(node)
    this.#peers.set(node.nodeId, peer)
    return peer
  }
}
