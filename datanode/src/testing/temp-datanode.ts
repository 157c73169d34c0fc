/** Datanodes in temporary folders with a small namenode, for the datanode's own tests. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { SmallNamenode } from '@hopbine/common/testing/small-namenode.ts'
import { type Datanode, type DatanodeConfig, startDatanode } from '../server/datanode.ts'
import { BlockPeer } from './block-peer.ts'

/** What a tap test offers to clean up with. */
interface Cleaner {
  teardown(end: () => Promise<void>): void
}

export class TempDatanode {
  readonly namenode: SmallNamenode
  readonly dataDir: string
  readonly #config: Partial<DatanodeConfig>
  #datanode: Datanode | undefined

  private constructor(namenode: SmallNamenode, config: Partial<DatanodeConfig>) {
    this.namenode = namenode
    this.#config = config
    this.dataDir = mkdtempSync(join(tmpdir(), 'hopbine-datanode-'))
  }

  /** Runs until the test ends. `namenode`: one that runs already, for several datanodes of one cluster. */
  static async start(
    t: Cleaner,
    config: Partial<DatanodeConfig> = {},
    namenode?: SmallNamenode,
  ): Promise<TempDatanode> {
    const temp = new TempDatanode(namenode ?? new SmallNamenode(), config)
    if (namenode === undefined) await temp.namenode.start()
    t.teardown(async () => {
      await temp.#datanode?.stop()
      if (namenode === undefined) await temp.namenode.stop()
      rmSync(temp.dataDir, { recursive: true })
    })
    await temp.restart()
    return temp
  }

  get datanode(): Datanode {
    return this.#datanode as Datanode
  }

  get member(): DatanodeAddress {
    return { nodeId: this.datanode.nodeId, ...this.datanode.address }
  }

  get config(): DatanodeConfig {
    const { dataDir } = this
    const namenode = { address: this.namenode.address, token: 'token' }
    return { dataDir, namenode, logLevel: 'silent', heartbeatMs: 50, scrubBytesPerSecond: 0, ...this.#config }
  }

  async restart(): Promise<void> {
    await this.#datanode?.stop()
    this.#datanode = await startDatanode(this.config)
  }

  locate(blockId: number, change: Parameters<SmallNamenode['locate']>[2] = {}): LocatedBlock {
    return this.namenode.locate(blockId, [this.member], change)
  }

  peer(): Promise<BlockPeer> {
    return BlockPeer.connect(this.member)
  }

  /** A sealed block with these bytes. */
  async hold(blockId: number, bytes: Uint8Array): Promise<LocatedBlock> {
    const peer = await this.peer()
    await peer.open(this.locate(blockId), 0)
    peer.push(bytes)
    await peer.seal()
    peer.close()
    return this.locate(blockId)
  }
}

/** Waits until a condition holds; a test that waits in vain fails by its time-out. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise(resolve => setTimeout(resolve, 5))
}
