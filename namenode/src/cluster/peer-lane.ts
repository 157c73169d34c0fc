/**
 * One connection to another member, kept open: it is made again when it breaks, and what cannot be sent now
 * is dropped, since Raft sends again what matters. It never waits and holds a bounded number of bytes.
 */
import { randomBytes } from 'node:crypto'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { TlsDialer } from '@hopbine/common/pki/credentials.ts'
import { type RaftMessage, tellMember } from '@hopbine/common/protocol/raft.ts'
import { ping } from '@hopbine/common/protocol/session.ts'
import { PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '@hopbine/common/protocol/version.ts'
import { Connection } from '@hopbine/common/rpc/connection.ts'
import type { Member } from './members.ts'

export interface LaneOptions {
  readonly peer: Member
  readonly token: string
  /** Undefined: plain TCP with the token. */
  readonly tls: TlsDialer | undefined
  /** A member of another cluster is not spoken to. */
  readonly clusterId: string
  /** Bytes that the peer has not taken yet; what comes then is dropped. */
  readonly queuedBytesMax: number
  /** The connection is there, or is gone: told once for each change. */
  readonly onChange: (isOpen: boolean, reason: string) => void
}

/** Pause between two tries to connect, and how long one may take, in milliseconds. */
const RETRY_MS = 100
const CONNECT_MS = 1_000
/** A lane is asked for a sign of life so often, and given up without one after so long, in milliseconds. */
const PING_MS = 1_000
const SILENT_MS = 5_000
/** Messages that wait while the lane is being opened; the oldest goes first. */
const WAITING_MAX = 64

export class PeerLane {
  readonly #options: LaneOptions
  readonly #cancelPing: NodeJS.Timeout
  #connection: Connection | undefined
  #retry: NodeJS.Timeout | undefined
  #closed = false
  /** Without entries, so that nothing of them is lent. */
  #waiting: { shard: number; message: RaftMessage }[] = []
  /** Messages that were not sent. */
  dropped = 0

  constructor(options: LaneOptions) {
    this.#options = options
    this.#cancelPing = setInterval(() => {
      // An end of the connection is told by its own event.
      this.#connection?.call(ping, {}).catch(() => undefined)
    }, PING_MS)
    this.#cancelPing.unref()
    void this.#connect()
  }

  get isOpen(): boolean {
    return this.#connection !== undefined
  }

  /** The message is encoded when this returns. */
  send(shard: number, message: RaftMessage): void {
    const connection = this.#connection
    if (connection === undefined) {
      const isSmall = message.type !== 'append' || message.entries.length === 0
      if (isSmall) this.#waiting.push({ shard, message })
      if (!isSmall || this.#waiting.length > WAITING_MAX) this.#drop()
      return
    }
    if (connection.queuedBytes > this.#options.queuedBytesMax) {
      this.dropped += 1
      return
    }
    connection.tell(tellMember, { message }, { shard })
  }

  close(): void {
    this.#closed = true
    clearInterval(this.#cancelPing)
    clearTimeout(this.#retry)
    this.#connection?.close()
  }

  #drop(): void {
    this.dropped += 1
    if (this.#waiting.length > WAITING_MAX) this.#waiting.shift()
  }

  async #connect(): Promise<void> {
    const { peer, token, tls, clusterId, onChange } = this.#options
    const greeting = {
      version: PROTOCOL_VERSION,
      versionOldest: PROTOCOL_VERSION_OLDEST,
      clientId: randomBytes(16).toString('hex'),
      ...(tls === undefined ? { token } : {}),
    }
    let opened: Connection | undefined
    const events = {
      onClose: ({ message }: FsError) => {
        if (opened === undefined || this.#connection !== opened) return
        this.#connection = undefined
        onChange(false, message)
        this.#retryLater()
      },
      onPush: () => undefined,
    }
    const { host, port } = peer
    try {
      const { connection, welcome } = await Connection.open({ host, port, tls }, greeting, events, CONNECT_MS)
      if (welcome.clusterId !== clusterId || this.#closed) {
        connection.close()
        throw new FsError('INVALID_ARGUMENT', `${host}:${port} belongs to cluster ${welcome.clusterId}`)
      }
      opened = connection
      connection.hold(false)
      connection.watch(SILENT_MS)
      this.#connection = connection
      onChange(true, '')
      for (const { shard, message } of this.#waiting.splice(0)) this.send(shard, message)
    } catch (error) {
      onChange(false, (error as Error).message)
      this.#retryLater()
    }
  }

  #retryLater(): void {
    if (this.#closed) return
    this.#retry = setTimeout(() => void this.#connect(), RETRY_MS)
    this.#retry.unref()
  }
}
