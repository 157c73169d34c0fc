/**
 * The datanode's side of its namenode: registers, sends heartbeats, hears of tombstones, rewrites and epochs.
 * While the namenode is away it tries at each beat and lets the blocks be served; when it answers again the
 * node registers anew.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { heartbeat, registerDatanode } from '@hopbine/common/protocol/cluster.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { Address } from '@hopbine/common/rpc/connection.ts'
import type { Rewriter } from '../rewrite/rewriter.ts'
import type { FolderStamp } from '../store/folder-stamp.ts'
import type { BlockService } from './service.ts'
import type { Tombstones } from './tombstones.ts'

export interface NamenodeLinkOptions {
  readonly namenode: { readonly address: Address; readonly token?: string | undefined }
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

export class NamenodeLink {
  readonly client: RpcClient
  readonly #options: NamenodeLinkOptions
  #address = { host: '', port: 0 }
  #timer: NodeJS.Timeout | undefined
  #isRegistered = false
  #beating: Promise<void> | undefined
  #stopped = false
  /** Bad blocks that a heartbeat has carried and the namenode has answered. */
  readonly #told = new Set<number>()

  constructor(options: NamenodeLinkOptions) {
    this.#options = options
    const { address, token } = options.namenode
    this.client = new RpcClient({ address, retryMs: 0, ...(token === undefined ? {} : { token }) })
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
    this.client.close()
    await this.#beating
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
    const { clusterId, capabilityKey } = await this.client.call(registerDatanode, request, options())
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
    const answer = await this.client.call(heartbeat, beat, options())
    for (const blockId of badBlocks) this.#told.add(blockId)
    service.setEpochMin(answer.capabilityEpoch)
    tombstones.receive(answer.tombstones)
    rewriter.receive(answer.rewrites)
  }
}

function options(): { retryMs: number; signal: AbortSignal } {
  return { retryMs: 0, signal: AbortSignal.timeout(CALL_MS) }
}
