/**
 * Dispatches requests of connections to operations while this namenode leads: reads are answered at once from
 * committed state, writes are prepared, logged, and answered when they are applied. It holds no rules of its
 * own.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { RequestHeader, ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import type { ReadOperation, WriteOperation } from '../operations/operation.ts'
import { READ_OPERATIONS, WRITE_OPERATIONS } from '../operations/registry.ts'
import { LeaderPrepareContext, LeaderQueryContext } from './contexts.ts'
import type { Parts } from './parts.ts'
import { type SessionMethod, sessionMethods } from './session-methods.ts'

export class Service {
  readonly #parts: Parts
  readonly #sessionMethods: ReadonlyMap<number, SessionMethod>
  /** Connections with answers that were not sent yet. */
  readonly #toFlush = new Set<ServerConnection>()
  readonly #queryContext: LeaderQueryContext
  readonly #prepareContext: LeaderPrepareContext
  #hasEnded = false

  constructor(parts: Parts) {
    this.#parts = parts
    this.#sessionMethods = sessionMethods(parts)
    this.#queryContext = new LeaderQueryContext(parts)
    this.#prepareContext = new LeaderPrepareContext(parts)
  }

  /** Takes nothing any more: what still waited for something would be answered by whoever leads now. */
  end(): void {
    this.#hasEnded = true
  }

  dispatch(connection: ServerConnection, header: RequestHeader, payload: Reader): void {
    if (this.#hasEnded) return
    const read = READ_OPERATIONS.get(header.method)
    if (read !== undefined) return this.#read(read, connection, header, payload)
    const write = WRITE_OPERATIONS.get(header.method)
    if (write !== undefined) return this.#write(write, connection, header, payload)
    const session = this.#sessionMethods.get(header.method)
    if (session === undefined) throw new FsError('UNKNOWN_METHOD', `no method ${header.method}`)
    this.#session(session, connection, header, payload)
  }

  closed(connection: ServerConnection): void {
    this.#toFlush.delete(connection)
    this.#parts.interests.closed(connection)
    this.#parts.leases.closed(connection)
  }

  /** Sends the answers of a batch of applied commands. */
  applied(): void {
    this.#parts.leases.applied()
    for (const connection of this.#toFlush) connection.flush()
    this.#toFlush.clear()
    this.#parts.interests.applied()
    if (this.#parts.waiters.count > 0) this.#parts.waiters.applied(this.#parts.replica.machine.appliedIndex)
  }

  /** A request that had to wait comes in once more. */
  #again(connection: ServerConnection, header: RequestHeader, payload: Reader): void {
    try {
      this.dispatch(connection, header, payload)
    } catch (error) {
      if (!isFsError(error)) throw error
      connection.fail(header, error)
    }
    this.#toFlush.add(connection)
  }

  #read(
    operation: ReadOperation,
    connection: ServerConnection,
    header: RequestHeader,
    payload: Reader,
  ): void {
    const { method } = operation
    const { interests, leases, openFiles, replica } = this.#parts
    const { state } = replica
    const request = method.request.decode(payload)
    if (leases.mayDelay(connection, method)) {
      const again = (kept: Reader): void => this.#again(connection, header, kept)
      if (leases.delays(connection, method, request, again)) return
    }
    const isOpening = openFiles.delays(connection.clientId, method, request, () => {
      this.#again(connection, header, throughBytes(method, request))
    })
    if (isOpening) return
    const context = this.#queryContext.of(header.principal)
    const caching = interests.sessionOf(connection)
    if (caching !== undefined) interests.noteRequest(caching, method, request)
    if (operation.respond === undefined) {
      const answer = operation.query(state, request, context)
      if (caching !== undefined) interests.noteAnswer(caching, request, answer)
      connection.respond(header, method.response, answer)
    } else {
      connection.respondWith(header, writer => operation.respond?.(state, request, context, writer))
    }
    this.#parts.metrics.count(method.name)
  }

  #write(
    operation: WriteOperation,
    connection: ServerConnection,
    header: RequestHeader,
    payload: Reader,
  ): void {
    const { housekeeping, host, replica, writers, metrics, interests, leases, openFiles } = this.#parts
    if (header.sequence <= 0) throw new FsError('INVALID_ARGUMENT', 'a write needs its number in the session')
    const { id, principal, sequence, behind } = header
    const reference = { id, method: header.method }
    const { clientId } = connection
    writers.spoke(clientId)
    // A retry gets its first answer, whatever would be refused by now.
    const known = replica.state.sessions.recorded(clientId, sequence)
    if (known !== undefined) {
      interests.settleAgain(isLate => {
        connection.respondEncoded(reference, known.payload, known.failed)
        if (isLate) connection.flush()
      })
      return
    }
    const { method } = operation
    const request = method.request.decode(payload)
    housekeeping.requireSpace(operation, leases.isAwaited(connection, method, request))
    if (leases.mayDelay(connection, method)) {
      const again = (kept: Reader): void => this.#again(connection, header, kept)
      if (leases.delays(connection, method, request, again)) return
    }
    openFiles.reset()
    const body = operation.prepare(request, this.#prepareContext.of(principal, clientId))
    const { seconds, nanos } = host.clock.wall()
    const { user, groups, superuser } = principal
    const envelope = { user, groups, superuser, clientId, sequence, behind, seconds, nanos }
    replica.propose(
      { operation, envelope, body },
      ({ failed, payload: answer, leasedBelow }) => {
        if (leasedBelow !== undefined) {
          taken?.()
          leases.settled(method, request)
          return this.#waitForLeases(leasedBelow, connection, header, throughBytes(method, request))
        }
        if (!failed) {
          this.#parts.locks.applied(operation.method, request)
          openFiles.applied(operation.method, request)
        }
        taken?.()
        interests.settle(clientId, method, isLate => {
          connection.respondEncoded(reference, answer, failed)
          if (isLate) connection.flush()
          else this.#toFlush.add(connection)
        })
        leases.settled(method, request)
        metrics.count(method.name)
      },
      error => {
        taken?.()
        connection.fail(reference, error)
        leases.settled(method, request)
        this.#toFlush.add(connection)
      },
    )
    const taken = openFiles.begin(clientId)
    leases.proposed(method, request)
  }

  /** The write changed nothing, and is tried again when nobody holds directories below that inode. */
  #waitForLeases(
    inodeId: number,
    connection: ServerConnection,
    header: RequestHeader,
    payload: Reader,
  ): void {
    try {
      this.#parts.leases.waitBelow(connection, inodeId, () => this.#again(connection, header, payload))
    } catch (error) {
      if (!isFsError(error)) throw error
      connection.fail(header, error)
      this.#toFlush.add(connection)
    }
  }

  #session(entry: SessionMethod, connection: ServerConnection, header: RequestHeader, payload: Reader): void {
    const { method, privileged } = entry
    if (privileged && !header.principal.superuser) {
      throw new FsError('NOT_PERMITTED', `${method.name} is for superusers`)
    }
    const answer = entry.answer(method.request.decode(payload), connection, header)
    if (!(answer instanceof Promise)) return connection.respond(header, method.response, answer)
    const reference = { id: header.id, method: header.method }
    answer
      .then(
        response => connection.respond(reference, method.response, response),
        (error: unknown) => connection.fail(reference, this.#operatingError(error)),
      )
      .finally(() => connection.flush())
  }

  /** An unexpected failure of soft state is told and logged; committed state is not concerned. */
  #operatingError(error: unknown): FsError {
    if (isFsError(error)) return error
    const { message } = error as Error
    this.#parts.logger.error({ message }, 'session-method-failed')
    return new FsError('INTERNAL', message, {}, { cause: error })
  }
}

/** A request to be decoded once more: what it was decoded from is used again. */
function throughBytes(method: Method<unknown, unknown>, request: unknown): Reader {
  const writer = new Writer(256)
  method.request.encode(writer, request)
  return new Reader(writer.copy())
}
