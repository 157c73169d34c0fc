/**
 * Fetches the leader's store, when the leader's log does not reach back to where this member's ends. It is
 * put in place at the next start, which is asked for when the last byte is durable.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import type { TlsDialer } from '@hopbine/common/pki/credentials.ts'
import { backupBegin, backupEnd, backupRead } from '@hopbine/common/protocol/cluster.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { Members } from '../cluster/members.ts'
import type { MemberId } from '../raft/messages.ts'
import { incomingPaths, writeDurably } from './snapshot-install.ts'

export interface SnapshotFetchOptions {
  readonly members: Members
  /** How members show who they are: by their certificates, or by the token. */
  readonly token: string
  readonly tls: TlsDialer | undefined
  /** Folder of the shard. */
  readonly folder: string
  readonly logger: Logger
  /** Told when it is whole and durable: the process must start again to have it. */
  readonly onFatal: (error: Error) => void
}

/** Bytes asked for at a time; the server gives no more. */
const PIECE_BYTES = 1024 * 1024
const RETRY_MS = 10_000

export class SnapshotFetch {
  readonly #options: SnapshotFetchOptions
  #isRunning = false

  constructor(options: SnapshotFetchOptions) {
    this.#options = options
  }

  /** The leader has nothing else to offer. What fails is tried again when it says so once more. */
  need(leader: MemberId): void {
    if (this.#isRunning) return
    const { logger, folder, onFatal } = this.#options
    const onFetched = (): void => onFatal(new FsError('UNAVAILABLE', 'a snapshot waits for its installation'))
    this.#isRunning = true
    this.#fetch(leader).then(onFetched, ({ message }: Error) => {
      logger.warn({ leader, message }, 'snapshot-not-fetched')
      rmSync(incomingPaths(folder).folder, { recursive: true, force: true })
      this.#isRunning = false
    })
  }

  async #fetch(leader: MemberId): Promise<void> {
    const { members, token, tls, folder, logger } = this.#options
    const member = members.find(leader)
    if (member === undefined) throw new Error(`nobody knows where member ${leader} is`)
    const incoming = incomingPaths(folder)
    rmSync(incoming.folder, { recursive: true, force: true })
    mkdirSync(incoming.folder, { mode: 0o700 })
    const { host, port } = member
    const client = new RpcClient({
      address: { host, port, tls },
      ...(tls === undefined ? { token } : {}),
      retryMs: RETRY_MS,
    })
    try {
      const { backupId, sizeBytes, index } = await client.call(backupBegin, {})
      logger.info({ leader, index, sizeBytes }, 'snapshot-begun')
      await this.#store(client, backupId, sizeBytes, incoming.store)
      await client.call(backupEnd, { backupId })
    } finally {
      client.close()
    }
    writeDurably(incoming.complete, `${randomBytes(4).toString('hex')}\n`)
  }

  async #store(client: RpcClient, backupId: string, sizeBytes: number, path: string): Promise<void> {
    const file = await open(path, 'w', 0o600)
    try {
      for (let offset = 0; offset < sizeBytes; ) {
        const length = Math.min(PIECE_BYTES, sizeBytes - offset)
        const { data } = await client.call(backupRead, { backupId, offset, length })
        if (data.length === 0) throw new Error(`the snapshot ends at ${offset} of ${sizeBytes} bytes`)
        await file.write(data, 0, data.length, offset)
        offset += data.length
      }
      await file.sync()
    } finally {
      await file.close()
    }
  }
}
