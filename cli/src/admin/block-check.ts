/**
 * Compares what the metadata says of blocks with what the datanodes hold: every sealed block that a file
 * needs should have as many copies, at least as long as the file needs it, as the file wants. Any datanode
 * may hold one. It changes nothing. Memory: one page of blocks.
 */
import { type FileSystem, isFsError } from '@hopbine/client/index.ts'
import { FILE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { listBlocks } from '@hopbine/common/protocol/cluster.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { open } from '@hopbine/common/protocol/metadata.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { Findings } from './findings.ts'
import type { NodeProbes } from './node-probe.ts'

export interface BlockTotals {
  blocks: number
  /** Copies found sound. */
  copies: number
  /** Copies that are damaged or too short. */
  badCopies: number
  /** Questions for a copy that were not answered. */
  unknownCopies: number
  /** Blocks with a sound copy, but with fewer than their file wants. */
  underReplicated: number
  /** Blocks of which no sound copy was found. */
  lostBlocks: number
}

type NeededBlock = ResponseOf<typeof listBlocks>['blocks'][number]

interface LocatedFile {
  readonly replication: number
  readonly blocks: ReadonlyMap<number, LocatedBlock>
}

type CopyState = 'sound' | 'absent' | 'bad' | 'unknown'

/** Blocks asked for at a time. */
const PAGE_MAX = 1_000

export class BlockCheck {
  readonly #fs: FileSystem
  readonly #probes: NodeProbes
  readonly #findings: Findings
  readonly totals: BlockTotals = {
    blocks: 0,
    copies: 0,
    badCopies: 0,
    unknownCopies: 0,
    underReplicated: 0,
    lostBlocks: 0,
  }

  constructor(fs: FileSystem, probes: NodeProbes, findings: Findings) {
    this.#fs = fs
    this.#probes = probes
    this.#findings = findings
  }

  async run(): Promise<void> {
    for (let after = 0, more = true; more; ) {
      const page = await this.#fs.call(listBlocks, { after, max: PAGE_MAX })
      await this.#checkPage(page.blocks)
      after = page.blocks.at(-1)?.blockId ?? after
      more = page.more && page.blocks.length > 0
    }
  }

  async #checkPage(blocks: readonly NeededBlock[]): Promise<void> {
    const byInode = Map.groupBy(
      blocks.filter(block => !block.open),
      block => block.inodeId,
    )
    for (const [inodeId, needed] of byInode) {
      const file = await this.#locate(inodeId)
      // Removed since the page was made: nothing needs its blocks any more.
      if (file === undefined) continue
      for (const block of needed) {
        const place = file.blocks.get(block.blockId)
        if (place !== undefined) await this.#checkBlock(block, place, file.replication)
      }
    }
  }

  /** What a file wants, and its blocks by id; undefined if it is gone. */
  async #locate(inodeId: number): Promise<LocatedFile | undefined> {
    const blocks = new Map<number, LocatedBlock>()
    const path = inodePath(inodeId)
    try {
      for (let offset = 0; ; ) {
        const {
          status,
          extents,
          blocks: some,
        } = await this.#fs.call(open, {
          path,
          offset,
          length: FILE_BYTES_MAX,
        })
        for (const block of some) {
          blocks.set(block.blockId, { ...block, capability: Buffer.from(block.capability) })
        }
        const last = extents.at(-1)
        const end = last === undefined ? status.size : last.offset + last.length
        if (end <= offset || end >= status.size) return { replication: status.replication, blocks }
        offset = end
      }
    } catch (error) {
      if (isFsError(error, 'NOT_FOUND') || isFsError(error, 'STALE')) return undefined
      throw error
    }
  }

  async #checkBlock(needed: NeededBlock, place: LocatedBlock, replication: number): Promise<void> {
    const { totals } = this
    totals.blocks += 1
    const states = await Promise.all(place.members.map(member => this.#checkCopy(needed, place, member)))
    const count = (wanted: CopyState): number => states.filter(state => state === wanted).length
    const [sound, unknown] = [count('sound'), count('unknown')]
    totals.copies += sound
    totals.badCopies += count('bad')
    totals.unknownCopies += unknown
    // More copies than there are datanodes cannot be.
    const wanted = Math.min(replication, place.members.length)
    if (sound >= wanted) return
    const asked = unknown === 0 ? '' : `; ${unknown} of ${place.members.length} datanodes could not be asked`
    if (sound > 0) {
      totals.underReplicated += 1
      await this.#findings.warning(`${nameOf(needed)}: ${sound} of ${wanted} wanted copies found${asked}`)
      return
    }
    totals.lostBlocks += 1
    await this.#findings.problem(
      `${nameOf(needed)}: no sound copy of its ${needed.length} bytes was found${asked}`,
    )
  }

  /** How one copy is; what is wrong with it is told. */
  async #checkCopy(needed: NeededBlock, place: LocatedBlock, member: DatanodeAddress): Promise<CopyState> {
    const findings = this.#findings
    const where = `${nameOf(needed)} on ${member.nodeId}`
    try {
      const { length } = await this.#probes.of(member).stat(place)
      if (length >= needed.length) return 'sound'
      // Left behind by a writer that lost this datanode and went on with others.
      await findings.warning(`${where}: ${length} bytes where its file needs ${needed.length}`)
      return 'bad'
    } catch (error) {
      if (!isFsError(error)) throw error
      if (error.code === 'BLOCK_NOT_FOUND') return 'absent'
      if (error.code === 'CORRUPT') {
        await findings.problem(`${where}: ${error.message}`)
        return 'bad'
      }
      const { nodeId, host, port } = member
      await findings.unreachable(nodeId, `datanode ${nodeId} at ${host}:${port}: ${error.message}`)
      return 'unknown'
    }
  }
}

function nameOf({ blockId, inodeId }: NeededBlock): string {
  return `block ${blockId} (inode ${inodeId})`
}
