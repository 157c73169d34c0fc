/**
 * For tests of datanodes and of the block path: a real RPC server that knows just what a datanode asks of a
 * namenode, and mints capabilities. It keeps no files; a test says which blocks live.
 */
import { randomBytes } from 'node:crypto'
import { FsError } from '../base/errors.ts'
import { mintCapability } from '../protocol/capability.ts'
import { confirmTombstones, heartbeat, liveBlocks, registerDatanode } from '../protocol/cluster.ts'
import type { RequestOf } from '../protocol/method.ts'
import type { DatanodeAddress, LocatedBlock } from '../protocol/types.ts'
import type { Principal } from '../rpc/principal.ts'
import { RpcServer, type RpcService } from '../rpc/server.ts'
import type { RequestHeader, ServerConnection } from '../rpc/server-connection.ts'
import type { Reader } from '../wire/reader.ts'

export class SmallNamenode implements RpcService {
  clusterId = randomBytes(16).toString('hex')
  readonly capabilityKey = randomBytes(32)
  capabilityEpoch = 1
  /** Told with the next heartbeats until they are confirmed. */
  readonly tombstones = new Map<number, { blockId: number; group: number }>()
  /** What `liveBlocks` answers; default: everything lives. */
  isLive: (blockId: number) => boolean = () => true
  readonly registrations: RequestOf<typeof registerDatanode>[] = []
  readonly heartbeats: RequestOf<typeof heartbeat>[] = []
  readonly asked: number[] = []
  readonly confirmed: number[] = []
  #server: RpcServer | undefined
  #port = 0

  get address(): { host: string; port: number } {
    return { host: '127.0.0.1', port: this.#port }
  }

  /** Listens on loopback, on the port it had before if there was one. */
  async start(): Promise<{ host: string; port: number }> {
    this.#server = new RpcServer(this)
    this.#port = await this.#server.listenTcp('127.0.0.1', this.#port)
    return this.address
  }

  async stop(): Promise<void> {
    await this.#server?.close()
  }

  /** A block at these members with a fresh capability; `change` makes it a wrong one. */
  locate(
    blockId: number,
    members: readonly DatanodeAddress[],
    change: {
      mode?: number
      group?: number
      generation?: number
      expirySeconds?: number
      epoch?: number
    } = {},
  ): LocatedBlock {
    const { group = 7, generation = 1, mode = 3 } = change
    const { expirySeconds = Math.floor(Date.now() / 1000) + 60, epoch = this.capabilityEpoch } = change
    const fields = { blockId, generation, group, mode, principal: 'tester', expirySeconds, epoch }
    const capability = mintCapability(this.capabilityKey, fields)
    return { blockId, generation, group, members: [...members], capability }
  }

  authenticate(): Principal {
    return { user: 'datanode', groups: ['datanode'], superuser: true }
  }

  index(): number {
    return 0
  }

  closed(): void {
    // Sessions hold nothing here.
  }

  report(): void {
    // A test looks at what it did, not at a log.
  }

  dispatch(connection: ServerConnection, header: RequestHeader, payload: Reader): void {
    if (header.method === registerDatanode.id) {
      this.registrations.push(registerDatanode.request.decode(payload))
      const { clusterId, capabilityKey } = this
      return connection.respond(header, registerDatanode.response, { clusterId, capabilityKey })
    }
    if (header.method === heartbeat.id) {
      this.heartbeats.push(heartbeat.request.decode(payload))
      const { capabilityEpoch } = this
      const tombstones = [...this.tombstones.values()]
      return connection.respond(header, heartbeat.response, { tombstones, capabilityEpoch, rewrites: [] })
    }
    if (header.method === liveBlocks.id) {
      const { blockIds } = liveBlocks.request.decode(payload)
      this.asked.push(...blockIds)
      return connection.respond(header, liveBlocks.response, { live: blockIds.map(id => this.isLive(id)) })
    }
    if (header.method !== confirmTombstones.id) throw new FsError('UNKNOWN_METHOD')
    const { blockIds } = confirmTombstones.request.decode(payload)
    this.confirmed.push(...blockIds)
    for (const blockId of blockIds) this.tombstones.delete(blockId)
    connection.respond(header, confirmTombstones.response, {})
  }
}
