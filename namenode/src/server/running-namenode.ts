/**
 * A namenode between its start and its stop: listens, begins and ends leaderships as its group decides, and
 * hands leadership over before it stops.
 */

import { CertificateKeeper } from '@hopbine/common/pki/certificate-keeper.ts'
import { RpcServer } from '@hopbine/common/rpc/server.ts'
import type { TlsServing } from '@hopbine/common/rpc/tls-acceptor.ts'
import { Door } from './door.ts'
import { handOver } from './hand-over.ts'
import {
  addLeadershipMetrics,
  addReplicaMetrics,
  beginLeadership,
  endLeadership,
  type LeadershipConfig,
} from './leadership.ts'
import type { Foundation } from './parts.ts'

export interface TlsMode {
  /** Folder with the certificate of this node; see common/pki/pki-folder.ts. */
  readonly folder: string
  /**
   * `on`: members are spoken to over TLS, and other machines must speak it. `accept`: both ends may, none
   * must; for the time in which the machines of a cluster are given certificates.
   */
  readonly mode: 'on' | 'accept'
}

export interface ListenConfig extends LeadershipConfig {
  readonly socketPath: string
  readonly host: string
  readonly port: number
  readonly metricsPort?: number
  readonly tls?: TlsMode | undefined
}

export class RunningNamenode {
  readonly door: Door
  readonly #config: ListenConfig
  readonly #foundation: Foundation
  readonly #server: RpcServer
  readonly #keeper: CertificateKeeper | undefined
  readonly #onFatal: (error: Error) => void
  /** Counts leaderships, so that one that ended while it began is known as such. */
  #leaderships = 0

  constructor(config: ListenConfig, foundation: Foundation, onFatal: (error: Error) => void) {
    this.#config = config
    this.#foundation = foundation
    this.#onFatal = onFatal
    this.door = new Door(foundation)
    this.#server = new RpcServer(this.door)
    const { credentials } = foundation
    const report = (event: string, fields: Record<string, unknown>): void => this.door.report(event, fields)
    if (credentials !== undefined) this.#keeper = new CertificateKeeper({ credentials, report })
    addReplicaMetrics(foundation)
    addLeadershipMetrics(foundation, () => this.door.leading)
  }

  /** One alone leads before it listens; a member of a group listens and waits for what its group decides. */
  async listen(): Promise<{ port: number; metricsPort: number | undefined }> {
    const { socketPath, host, port, metricsPort } = this.#config
    const { replica, members, metrics } = this.#foundation
    if (members === undefined) {
      await replica.beginTerm()
      await this.#begin(this.#leaderships)
    }
    await this.#server.listenUnix(socketPath)
    this.#keeper?.start()
    return {
      port: await this.#server.listenTcp(host, port, this.#tlsServing()),
      metricsPort: metricsPort === undefined ? undefined : await metrics.listen(host, metricsPort),
    }
  }

  #tlsServing(): TlsServing | undefined {
    const { credentials } = this.#foundation
    if (credentials === undefined) return undefined
    return { credentials, isPlainForAll: this.#config.tls?.mode === 'accept' }
  }

  /** The group made this member its leader. */
  lead(): void {
    if (this.#foundation.members === undefined) return
    this.#begin(++this.#leaderships).catch(this.#onFatal)
  }

  /** It leads no more: clients are sent to whoever does. */
  follow(): void {
    this.#leaderships += 1
    const parts = this.door.follow()
    if (parts === undefined) return
    endLeadership(parts)
    this.#foundation.logger.info({ term: this.#foundation.replica.term }, 'leads-no-more')
    this.#server.refuse(this.door.notLeader(), connection => this.door.isMembers(connection))
  }

  async stop(): Promise<void> {
    await this.#handOverBeforeStop()
    const parts = this.door.leading
    if (parts !== undefined) endLeadership(parts)
    await this.#keeper?.stop()
    await this.#server.close()
    await this.#foundation.metrics.stop()
  }

  async #begin(leadership: number): Promise<void> {
    const parts = beginLeadership(this.#config, this.#foundation)
    await parts.housekeeping.checkSpace()
    if (leadership !== this.#leaderships) return endLeadership(parts)
    this.door.lead(parts)
    this.#foundation.logger.info({ term: this.#foundation.replica.term }, 'leads')
  }

  /** To the voter that has most of the log; a stop does not fail because nobody takes over. */
  async #handOverBeforeStop(): Promise<void> {
    const { replica, members, logger } = this.#foundation
    if (members === undefined || !replica.isLeader) return
    const { configuration, matchedOf } = replica.consensus
    const others = configuration.voters.filter(id => id !== members.self)
    const [best] = others.sort((a, b) => matchedOf(b) - matchedOf(a))
    if (best === undefined) return
    try {
      await handOver(replica, best)
    } catch (error) {
      logger.warn({ message: (error as Error).message }, 'leadership-not-handed-over')
    }
  }
}
