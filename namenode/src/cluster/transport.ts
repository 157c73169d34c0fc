/**
 * Carries messages between the members of groups. Each other member has two lanes: one for what carries the
 * log, one for all else, so that heartbeats and votes never wait behind a big batch. All shards share them.
 */
import type { Logger } from '@hopbine/common/base/log.ts'
import type { TlsDialer } from '@hopbine/common/pki/credentials.ts'
import type { MemberId, Message } from '../raft/messages.ts'
import type { Member, Members } from './members.ts'
import { PeerLane } from './peer-lane.ts'
import { wireMessage } from './wire-message.ts'

export interface TransportOptions {
  readonly members: Members
  readonly token: string
  /** Members are reached over TLS; undefined: with the token. */
  readonly tls: TlsDialer | undefined
  readonly clusterId: string
  readonly logger: Logger
  /** A connection to a member broke that stood before. */
  readonly onGone: (id: MemberId) => void
}

/** Bytes under way to one member: of the log more than its window, of the rest some thousand messages. */
const LOG_BYTES_MAX = 32 * 1024 * 1024
const CONTROL_BYTES_MAX = 1024 * 1024

interface Peer {
  readonly control: PeerLane
  readonly log: PeerLane
}

export class Transport {
  readonly #peers = new Map<MemberId, Peer>()

  constructor(options: TransportOptions) {
    for (const peer of options.members.others) {
      this.#peers.set(peer.id, {
        control: new PeerLane(laneOptions(options, peer, 'control', CONTROL_BYTES_MAX)),
        log: new PeerLane(laneOptions(options, peer, 'log', LOG_BYTES_MAX)),
      })
    }
  }

  /** Messages that were not sent. */
  get dropped(): number {
    let dropped = 0
    for (const { control, log } of this.#peers.values()) dropped += control.dropped + log.dropped
    return dropped
  }

  /** Encodes the message before it returns; it may get lost. One to a member that nobody knows does. */
  send(shard: number, message: Message): void {
    const peer = this.#peers.get(message.to)
    // One that only asks must not overtake one with entries: it would be refused for what is on its way.
    const lane = message.type === 'append' ? peer?.log : peer?.control
    lane?.send(shard, wireMessage(message))
  }

  close(): void {
    for (const { control, log } of this.#peers.values()) {
      control.close()
      log.close()
    }
  }
}

function laneOptions(
  { token, tls, clusterId, logger, onGone }: TransportOptions,
  peer: Member,
  lane: string,
  queuedBytesMax: number,
) {
  let said = ''
  const onChange = (isOpen: boolean, reason: string): void => {
    const state = isOpen ? 'member-reached' : 'member-away'
    if (state === said) return
    if (!isOpen && said !== '') onGone(peer.id)
    said = state
    logger.info({ member: peer.id, lane, ...(isOpen ? {} : { reason }) }, state)
  }
  return { peer, token, tls, clusterId, queuedBytesMax, onChange }
}
