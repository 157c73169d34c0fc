/**
 * Where requests come in: says who is at the other end, takes messages of other members, answers what any
 * member answers, and hands all else to the service while this namenode leads. While it does not, callers are
 * told who does.
 */
import { timingSafeEqual } from 'node:crypto'
import { userInfo } from 'node:os'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { TlsPeer } from '@hopbine/common/pki/credentials.ts'
import { groupStatus, tellMember } from '@hopbine/common/protocol/raft.ts'
import type { HelloRequest } from '@hopbine/common/protocol/session.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { AnswerGate, RpcService, Transport } from '@hopbine/common/rpc/server.ts'
import type { RequestHeader, ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import { messageOf } from '../cluster/wire-message.ts'
import { type MemberId, NOBODY } from '../raft/messages.ts'
import { Certificates } from './certificates.ts'
import { DATANODE_CALLS } from './datanode-calls.ts'
import { groupReport } from './group-report.ts'
import type { Foundation, Parts } from './parts.ts'
import { ReadGate } from './read-gate.ts'
import { Service } from './service.ts'

export class Door implements RpcService {
  readonly clusterId: string
  readonly #foundation: Foundation
  readonly #operator: Principal
  readonly #certificates: Certificates
  #service: Service | undefined
  #parts: Parts | undefined
  #gate: ReadGate | undefined
  /** Connections of other members. */
  readonly #members = new WeakSet<ServerConnection>()
  /** When each other member was heard last, on the monotonic clock. */
  readonly #heardMs = new Map<MemberId, number>()

  constructor(foundation: Foundation) {
    this.#foundation = foundation
    this.clusterId = foundation.replica.state.meta.clusterId
    const report = (event: string, fields: Record<string, unknown>): void => this.report(event, fields)
    this.#certificates = new Certificates(foundation.credentials, report)
    const { username } = userInfo()
    this.#operator = { user: username, groups: [username], superuser: true }
  }

  /** What serves now; undefined while another member leads. */
  get leading(): Parts | undefined {
    return this.#parts
  }

  /** A member of a group never answers for a leadership that may be over. */
  get gate(): AnswerGate | undefined {
    return this.#gate
  }

  lead(parts: Parts): void {
    const { replica, members } = this.#foundation
    this.#parts = parts
    this.#service = new Service(parts)
    if (members !== undefined) this.#gate = new ReadGate(done => replica.confirmLeading(done))
  }

  /** Answers what served until now. */
  follow(): Parts | undefined {
    const parts = this.#parts
    this.#service?.end()
    this.#service = undefined
    this.#parts = undefined
    this.#gate = undefined
    return parts
  }

  /** Whether another member speaks there; a client's connection is of use only at the leader. */
  isMembers(connection: ServerConnection): boolean {
    return this.#members.has(connection)
  }

  /** What whoever needs the leader is told. */
  notLeader(): FsError {
    const { replica, members } = this.#foundation
    const { leader } = replica
    const member = members?.find(leader)
    // A member that has won its election and not yet begun to serve knows of no better one.
    if (member === undefined || leader === NOBODY || leader === members?.self) {
      return new FsError('NOT_LEADER', 'the group has no leader that serves yet', { leader: NOBODY })
    }
    const { host, port } = member
    return new FsError('NOT_LEADER', `member ${leader} at ${host}:${port} leads`, { leader, host, port })
  }

  authenticate(hello: HelloRequest, transport: Transport, peer?: TlsPeer): Principal {
    // The socket lies in a folder that only the operator can enter.
    if (transport === 'unix') return this.#operator
    if (transport === 'tls') return this.#principalOf(peer)
    const given = Buffer.from(hello.token ?? '')
    const wanted = Buffer.from(this.#foundation.token)
    if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) {
      throw new FsError('UNAUTHENTICATED', 'TCP connections need the token of HOME/secrets/rpc.token')
    }
    return this.#operator
  }

  /** Of namenodes and datanodes of the cluster: their certificates have been verified. */
  #principalOf(peer: TlsPeer | undefined): Principal {
    if (peer === undefined) {
      const details = { reason: 'none' }
      throw new FsError('UNAUTHENTICATED', 'TLS connections need a certificate of the cluster', details)
    }
    if (peer.name.role === 'namenode') return this.#operator
    return { user: 'datanode', groups: ['datanode'], superuser: true, calls: DATANODE_CALLS }
  }

  /** Newcomers have no certificate yet. */
  admit(connection: ServerConnection, header: { id: number; method: number }, payload: Reader): boolean {
    return this.#certificates.admit(connection, header, payload)
  }

  index(): number {
    return this.#foundation.replica.machine.appliedIndex
  }

  dispatch(connection: ServerConnection, header: RequestHeader, payload: Reader): void {
    this.#requireShard(header.shard)
    if (header.method === groupStatus.id) return this.#groupStatus(connection, header)
    if (this.#certificates.dispatch(connection, header, payload)) return
    if (this.#service === undefined) throw this.notLeader()
    this.#service.dispatch(connection, header, payload)
  }

  told(
    connection: ServerConnection,
    header: { method: number; shard: number; principal: Principal },
    payload: Reader,
  ): void {
    const { members, replica, host } = this.#foundation
    if (header.method !== tellMember.id || members === undefined) {
      throw new FsError('UNKNOWN_METHOD', `nobody takes method ${header.method} without an answer`)
    }
    if (!header.principal.superuser) throw new FsError('NOT_PERMITTED', 'members speak as superusers')
    this.#requireShard(header.shard)
    this.#members.add(connection)
    const message = messageOf(tellMember.request.decode(payload).message)
    if (message.to !== members.self) throw new FsError('BAD_FRAME', `this is member ${members.self}`)
    this.#heardMs.set(message.from, host.clock.monotonicMs())
    replica.step(message)
  }

  closed(connection: ServerConnection): void {
    this.#service?.closed(connection)
  }

  report(event: string, fields: Record<string, unknown>): void {
    this.#foundation.logger.info(fields, event)
  }

  /** Sends the answers of a batch of applied commands. */
  applied(): void {
    this.#service?.applied()
  }

  #requireShard(asked: number): void {
    const { shard } = this.#foundation.replica.state.meta
    if (asked !== shard) throw new FsError('WRONG_SHARD', `this is shard ${shard}, not ${asked}`, { shard })
  }

  /** Sent at once by any member: it speaks of the member itself. */
  #groupStatus(connection: ServerConnection, header: RequestHeader): void {
    if (!header.principal.superuser) throw new FsError('NOT_PERMITTED', 'groupStatus is for superusers')
    const report = groupReport(this.#foundation, this.#service !== undefined, this.#heardMs)
    connection.respondAtOnce(header, groupStatus.response, report)
  }
}
