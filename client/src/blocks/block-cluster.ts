/**
 * For tests of the block path: a small namenode and real datanodes in processes of their own, which the
 * client may not import and need not.
 */
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { ChildService } from '@hopbine/common/testing/child-service.ts'
import { SmallNamenode } from '@hopbine/common/testing/small-namenode.ts'
import { BlockPool } from './block-pool.ts'

/** Started as a process, never imported. */
const MAIN = pathToFileURL(join(import.meta.dirname, '../../..', 'datanode/src/main.ts')).href

export class BlockCluster {
  readonly namenode = new SmallNamenode()
  readonly pool = new BlockPool()
  readonly folder = mkdtempSync(join(tmpdir(), 'hopbine-blocks-'))
  readonly #datanodes: ChildService[] = []

  /** Runs until the test ends. */
  static async start(t: { teardown(end: () => Promise<void>): void }, datanodes = 1): Promise<BlockCluster> {
    const cluster = new BlockCluster()
    t.teardown(async () => {
      cluster.pool.close()
      await Promise.all(cluster.#datanodes.map(datanode => datanode.end()))
      await cluster.namenode.stop()
      rmSync(cluster.folder, { recursive: true })
    })
    await cluster.namenode.start()
    for (let index = 0; index < datanodes; index++) await cluster.restart(index)
    return cluster
  }

  datanode(index = 0): ChildService {
    return this.#datanodes[index] as ChildService
  }

  /** Starts a datanode on its folder, on the port it had before if it ran before. */
  async restart(index = 0, change: Record<string, unknown> = {}): Promise<void> {
    const old = this.#datanodes[index]
    await old?.end()
    const namenode = { address: this.namenode.address, token: 'token' }
    const config = { dataDir: this.dataDir(index), namenode, logLevel: 'silent', heartbeatMs: 50 }
    const port = old?.address.port ?? 0
    const settled = { ...config, port, scrubBytesPerSecond: 0, ...change }
    this.#datanodes[index] = await ChildService.start(MAIN, settled)
  }

  dataDir(index = 0): string {
    return join(this.folder, `datanode-${index}`)
  }

  /** The files of a block at a datanode, whatever their state. */
  files(blockId: number, index = 0): string[] {
    const names = readdirSync(join(this.dataDir(index), 'groups'), { recursive: true, encoding: 'utf8' })
    const own = names.filter(name => name.includes(`/${blockId}.`))
    return own.map(name => join(this.dataDir(index), 'groups', name))
  }

  member(index = 0): DatanodeAddress {
    const { nodeId, address } = this.datanode(index)
    return { nodeId, ...address }
  }

  /** A block at all datanodes, or those given, with a fresh capability. */
  locate(
    blockId: number,
    change: Parameters<SmallNamenode['locate']>[2] = {},
    members = this.#datanodes.map((_datanode, index) => this.member(index)),
  ): LocatedBlock {
    return this.namenode.locate(blockId, members, change)
  }
}
