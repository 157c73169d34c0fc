/**
 * Finds blocks on the datanodes that nothing needs: of removed files, once their time to be kept is over, and
 * of writers that died. Datanodes remove them by themselves. It changes nothing. Memory: one page of blocks.
 */
import { type FileSystem, isFsError } from '@hopbine/client/index.ts'
import type { HeldBlock } from '@hopbine/common/protocol/block.ts'
import { adminCapability, liveBlocks } from '@hopbine/common/protocol/cluster.ts'
import type { DatanodeAddress } from '@hopbine/common/protocol/types.ts'
import type { Findings } from './findings.ts'
import type { HeldPage, NodeProbes } from './node-probe.ts'

export interface UnneededTotals {
  blocks: number
  bytes: number
}

/** Blocks asked for at a time, of a datanode and of the namenode. */
const PAGE_MAX = 1_000

export class UnneededCheck {
  readonly #fs: FileSystem
  readonly #probes: NodeProbes
  readonly #findings: Findings
  readonly #each: (node: DatanodeAddress, block: HeldBlock) => Promise<void>
  readonly totals: UnneededTotals = { blocks: 0, bytes: 0 }

  /** `each` hears of every block that nothing needs. */
  constructor(
    fs: FileSystem,
    probes: NodeProbes,
    findings: Findings,
    each: (node: DatanodeAddress, block: HeldBlock) => Promise<void>,
  ) {
    this.#fs = fs
    this.#probes = probes
    this.#findings = findings
    this.#each = each
  }

  async run(nodes: readonly DatanodeAddress[]): Promise<void> {
    for (const node of nodes) {
      for (let after = 0, more = true; more; ) {
        const page = await this.#page(node, after)
        await this.#checkBlocks(node, page.blocks)
        after = page.blocks.at(-1)?.blockId ?? after
        more = page.more && page.blocks.length > 0
      }
    }
  }

  /** What a datanode holds after a block; nothing, and the datanode is told of, if it cannot be asked. */
  async #page(node: DatanodeAddress, after: number): Promise<HeldPage> {
    // A capability lasts a minute, and a page may wait that long for those who read our output.
    const capability = Buffer.from((await this.#fs.call(adminCapability, {})).capability)
    try {
      return await this.#probes.of(node).list(capability, after, PAGE_MAX)
    } catch (error) {
      if (!isFsError(error)) throw error
      const { nodeId, host, port } = node
      await this.#findings.unreachable(nodeId, `datanode ${nodeId} at ${host}:${port}: ${error.message}`)
      return { blocks: [], more: false }
    }
  }

  async #checkBlocks(node: DatanodeAddress, blocks: readonly HeldBlock[]): Promise<void> {
    if (blocks.length === 0) return
    const { live } = await this.#fs.call(liveBlocks, { blockIds: blocks.map(block => block.blockId) })
    for (const [index, block] of blocks.entries()) {
      if (live[index] !== false) continue
      this.totals.blocks += 1
      this.totals.bytes += block.length
      await this.#each(node, block)
    }
  }
}
