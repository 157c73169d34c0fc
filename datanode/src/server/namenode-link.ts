/**
 * The datanode's side of its namenode: registers, sends heartbeats, hears of tombstones, rewrites and epochs.
 * While the namenode is away it tries at each beat and lets the blocks be served; when it answers again the
 * node registers anew.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { heartbeat, registerDatanode } from '@hopbine/common/protocol/cluster.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { Address } from '@hopbine/common/rpc/connection.ts'
import type { Seed } from '@hopbine/common/rpc/server-choice.ts'
import type { Rewriter } from '../rewrite/rewriter.ts'
import type { FolderStamp } from '../store/folder-stamp.ts'
import type { BlockService } from './service.ts'
import type { Tombstones } from './tombstones.ts'

/** Where the namenode is; of a group where all are: the link follows the one that leads. */
export interface NamenodeSeeds {
  readonly address: Address
  readonly token?: string | undefined
  readonly member?: number | undefined
  readonly others?: readonly Seed[] | undefined
}

export interface NamenodeLinkOptions {
  readonly namenode: NamenodeSeeds
  readonly heartbeatMs: number
  readonly rack: string
  readonly stamp: FolderStamp
  readonly service: BlockService
  readonly tombstones: Tombstones
  readonly rewriter: Rewriter
  /** The folder belongs to another cluster: nothing may be served any more. */
  readonly onForeign: (error: FsError) => void
}

/** How long one call to the namenode may take, in milliseconds. */
const CALL_MS = 5_000
/** How long a beat looks for the leader of a group, in milliseconds. */
const LEADER_MS = 3_000
/** When a member of a group is gone, the others are told of this node after so long, in milliseconds. */
const SOON_MS = 50

export class NamenodeLink {
  readonly client: RpcClient
  readonly #retryMs: number
  readonly #options: NamenodeLinkOptions
  #address = { host: '', port: 0 }
  #timer: NodeJS.Timeout | undefined
  #soon: NodeJS.Timeout | undefined
  #isRegistered = false
  #beating: Promise<void> | undefined
  #stopped = false
  /** Bad blocks that a heartbeat has carried and the namenode has answered. */
  readonly #told = new Set<number>()

  constructor(options: NamenodeLinkOptions) {
    this.#options = options
    const { address, token, member, others = [] } = options.namenode
    this.#retryMs = others.length === 0 ? 0 : LEADER_MS
    this.client = new RpcClient({
      address,
      others,
      retryMs: this.#retryMs,
      onLost: () => this.#beatSoon(),
      ...(token === undefined ? {} : { token }),
      ...(member === undefined ? {} : { member }),
    })
  }

  /**
   * Registers once before it resolves, if the namenode is there. Throws INVALID_ARGUMENT for a foreign
   * cluster.
   */
  async start(host: string, port: number): Promise<void> {
    this.#address = { host, port }
    await this.#beat()
    this.#timer = setInterval(() => void this.#beatLater(), this.#options.heartbeatMs)
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    clearTimeout(this.#soon)
    this.client.close()
    await this.#beating
  }

  /** Whoever leads now knows nothing of this node before it was heard: it takes no blocks until then. */
  #beatSoon(): void {
    if (this.#retryMs === 0 || this.#stopped || this.#timer === undefined) return
    clearTimeout(this.#soon)
    this.#soon = setTimeout(() => void this.#beatLater(), SOON_MS)
  }

  /** One beat at a time: a slow namenode is not asked again before it answered. */
  #beatLater(): Promise<void> {
    this.#beating ??= this.#beat()
      .catch(error => {
        if (isFsError(error)) this.#options.onForeign(error)
        else throw error
      })
      .finally(() => {
        this.#beating = undefined
      })
    return this.#beating
  }

  async #beat(): Promise<void> {
    try {
      if (!this.#isRegistered) await this.#register()
      await this.#heartbeat()
    } catch (error) {
      if (this.#stopped) return
      if (isFsError(error) && error.details.foreign !== undefined) throw error
      const { service } = this.#options
      const { code, message } = service.answerFor(error)
      this.#isRegistered = false
      service.counters.heartbeatFailures.inc()
      service.report('namenode-away', { code, message })
    }
  }

  async #register(): Promise<void> {
    const { service, stamp, rack } = this.#options
    const request = { nodeId: stamp.nodeId, ...this.#address, rack }
    const { clusterId, capabilityKey } = await this.client.call(registerDatanode, request, this.#callOptions)
    try {
      await stamp.join(clusterId)
    } catch (error) {
      if (!isFsError(error, 'INVALID_ARGUMENT')) throw error
      throw new FsError(error.code, error.message, { foreign: clusterId }, { cause: error })
    }
    service.setKey(Buffer.from(capabilityKey))
    this.#told.clear()
    this.#isRegistered = true
    service.report('registered', { clusterId, ...this.#address })
  }

  async #heartbeat(): Promise<void> {
    const { service, stamp, tombstones, rewriter } = this.#options
    const { capacityBytes, freeBytes, isFull } = service.store.space()
    const badBlocks = service.store.quarantined.filter(blockId => !this.#told.has(blockId))
    const { nodeId } = stamp
    const { blocks } = service.store
    const rewriting = rewriter.orders
    const beat = { nodeId, capacityBytes, freeBytes, blocks, badBlocks, full: isFull, rewriting }
    const answer = await this.client.call(heartbeat, beat, this.#callOptions)
    for (const blockId of badBlocks) this.#told.add(blockId)
    service.setEpochMin(answer.capabilityEpoch)
    tombstones.receive(answer.tombstones)
    rewriter.receive(answer.rewrites)
  }

  get #callOptions(): { retryMs: number; signal: AbortSignal } {
    return { retryMs: this.#retryMs, signal: AbortSignal.timeout(CALL_MS) }
  }
}
