/**
 * Compares what the metadata says of blocks with what the datanodes hold: every sealed block that a file
 * needs must be on each of its datanodes, at least as long as the file needs it. It changes nothing.
 * Memory: one page of blocks.
 */
import { type FileSystem, isFsError } from '@hopbine/client/index.ts'
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { listBlocks } from '@hopbine/common/protocol/cluster.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { NodeProbe } from './node-probe.ts'

export interface BlockTotals {
  blocks: number
  /** Copies found sound. */
  copies: number
  /** Copies that are missing or too short. */
  badCopies: number
  /** Copies of datanodes that did not answer. */
  unknownCopies: number
  /** Blocks of which no sound copy was found. */
  lostBlocks: number
}

type NeededBlock = ResponseOf<typeof listBlocks>['blocks'][number]

/** Blocks asked for at a time. */
const PAGE_MAX = 1_000

export class BlockCheck {
  readonly #fs: FileSystem
  readonly #tell: (problem: string) => Promise<void>
  readonly #probes = new Map<string, NodeProbe>()
  readonly totals: BlockTotals = { blocks: 0, copies: 0, badCopies: 0, unknownCopies: 0, lostBlocks: 0 }

  constructor(fs: FileSystem, tell: (problem: string) => Promise<void>) {
    this.#fs = fs
    this.#tell = tell
  }

  async run(): Promise<void> {
    try {
      for (let after = 0, more = true; more; ) {
        const page = await this.#fs.call(listBlocks, { after, max: PAGE_MAX })
        await this.#checkPage(page.blocks)
        after = page.blocks.at(-1)?.blockId ?? after
        more = page.more && page.blocks.length > 0
      }
    } finally {
      for (const probe of this.#probes.values()) probe.close()
    }
  }

  async #checkPage(blocks: readonly NeededBlock[]): Promise<void> {
    const byInode = Map.groupBy(
      blocks.filter(block => !block.open),
      block => block.inodeId,
    )
    for (const [inodeId, needed] of byInode) {
      const located = await this.#locate(inodeId)
      // Removed since the page was made: nothing needs its blocks any more.
      if (located === undefined) continue
      for (const block of needed) {
        const place = located.get(block.blockId)
        if (place !== undefined) await this.#checkBlock(inodeId, block, place)
      }
    }
  }

  /** The blocks of a file by id, or undefined if it is gone. */
  async #locate(inodeId: number): Promise<Map<number, LocatedBlock> | undefined> {
    const located = new Map<number, LocatedBlock>()
    const path = `/.reserved/.inodes/${inodeId}`
    try {
      for (let offset = 0; ; ) {
        const answer = await this.#fs.call(open, { path, offset, length: FILE_BYTES_MAX })
        for (const block of answer.blocks) {
          located.set(block.blockId, { ...block, capability: Buffer.from(block.capability) })
        }
        const last = answer.extents.at(-1)
        const end = last === undefined ? answer.status.size : last.offset + last.length
        if (end <= offset || end >= answer.status.size) return located
        offset = end
      }
    } catch (error) {
      if (isFsError(error, 'NOT_FOUND') || isFsError(error, 'STALE')) return undefined
      throw error
    }
  }

  async #checkBlock(inodeId: number, needed: NeededBlock, place: LocatedBlock): Promise<void> {
    this.totals.blocks += 1
    const { blockId, length } = needed
    let sound = 0
    for (const member of place.members) {
      const problem = await this.#checkCopy(needed, place, member)
      if (problem === undefined) sound += 1
      else await this.#tell(`block ${blockId} (inode ${inodeId}) on ${member.nodeId}: ${problem}`)
    }
    this.totals.copies += sound
    if (sound > 0) return
    this.totals.lostBlocks += 1
    await this.#tell(`block ${blockId} (inode ${inodeId}): no sound copy of its ${length} bytes was found`)
  }

  /** What is wrong with one copy, or undefined. */
  async #checkCopy(
    needed: NeededBlock,
    place: LocatedBlock,
    member: LocatedBlock['members'][number],
  ): Promise<string | undefined> {
    try {
      const copy = await this.#probe(member).stat(place)
      if (copy.length >= needed.length) return undefined
      this.totals.badCopies += 1
      return `${copy.length} bytes where files need ${needed.length}`
    } catch (error) {
      if (!isFsError(error)) throw error
      if (isFsError(error, 'BLOCK_NOT_FOUND')) this.totals.badCopies += 1
      else this.totals.unknownCopies += 1
      return error.message
    }
  }

  #probe(member: LocatedBlock['members'][number]): NodeProbe {
    const key = `${member.host}:${member.port}`
    const known = this.#probes.get(key)
    if (known !== undefined) return known
    const probe = new NodeProbe(member)
    this.#probes.set(key, probe)
    return probe
  }
}
