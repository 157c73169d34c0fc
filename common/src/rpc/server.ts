/**
 * Serving end of the native RPC: listens, cuts frames, opens sessions and hands requests to a dispatcher.
 * It knows no method but the session's own, and never blocks: answers gather and leave in one write per turn.
 */
import { chmodSync, rmSync } from 'node:fs'
import { createServer, type Server, type Socket } from 'node:net'
import { type FsError, fromNodeError } from '../base/errors.ts'
import type { TlsPeer } from '../pki/credentials.ts'
import type { HelloRequest } from '../protocol/session.ts'
import type { Reader } from '../wire/reader.ts'
import type { Principal } from './principal.ts'
import { type RequestHeader, ServerConnection } from './server-connection.ts'
import { TlsAcceptor, type TlsServing } from './tls-acceptor.ts'

/**
 * How a connection came in; a Unix socket lies in a folder that only the operator can enter, and TLS proves
 * who is at the other end where that shows a certificate.
 */
export type Transport = 'unix' | 'tcp' | 'tls'

/**
 * Holds answers back that would be wrong if this server were not the one that may answer: they were made
 * already, and leave when that is certain.
 */
export interface AnswerGate {
  /**
   * Number of the round of confirmation that begins after this call; `ServerConnection.release` is told it.
   */
  hold(connection: ServerConnection): number
}

export interface RpcService {
  readonly clusterId: string
  /** Undefined while answers leave at once. */
  readonly gate?: AnswerGate | undefined
  /** Says who is at the other end, or throws UNAUTHENTICATED. `peer`: whose certificate was verified. */
  authenticate(hello: HelloRequest, transport: Transport, peer?: TlsPeer): Principal
  /**
   * Answers a method that needs no hello, over TLS, from somebody without a certificate. True: it was one.
   */
  admit?(connection: ServerConnection, header: { id: number; method: number }, payload: Reader): boolean
  /** Applied index, stamped on every answer. */
  index(): number
  /** Answers now or later through the connection; throws FsError to answer a failure. */
  dispatch(connection: ServerConnection, header: RequestHeader, payload: Reader): void
  /**
   * Takes a request that has no answer; absent where there are none. An FsError ends the connection.
   */
  told?(
    connection: ServerConnection,
    header: { readonly method: number; readonly shard: number; readonly principal: Principal },
    payload: Reader,
  ): void
  /** The connection is gone; answers for it are dropped. */
  closed(connection: ServerConnection): void
  /** Something that the operator should read in the log. */
  report(event: string, fields: Record<string, unknown>): void
}

export class RpcServer {
  readonly #service: RpcService
  readonly #servers: Server[] = []
  readonly #connections = new Set<ServerConnection>()
  #acceptor: TlsAcceptor | undefined

  constructor(service: RpcService) {
    this.#service = service
  }

  get connections(): number {
    return this.#connections.size
  }

  /**
   * Listens on a Unix socket with mode 0600; its folder keeps others out. A stale socket file is replaced.
   */
  async listenUnix(path: string): Promise<void> {
    rmSync(path, { force: true })
    await this.#listen('unix', { path })
    chmodSync(path, 0o600)
  }

  /**
   * Listens on TCP; port 0 takes a free one. Returns the port. With `tls`, the port also takes TLS, and other
   * machines need it.
   */
  async listenTcp(host: string, port: number, tls?: TlsServing): Promise<number> {
    const server = await this.#listen('tcp', { host, port }, tls === undefined ? undefined : this.#guard(tls))
    const address = server.address()
    return typeof address === 'object' && address !== null ? address.port : port
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    this.#acceptor?.close()
    const ended = this.#servers.map(server => new Promise<void>(resolve => server.close(() => resolve())))
    for (const connection of this.#connections) connection.destroy()
    await Promise.all(ended)
  }

  /** Ends connections with a word why, besides those to be spared. */
  refuse(error: FsError, isSpared: (connection: ServerConnection) => boolean): void {
    for (const connection of this.#connections) if (!isSpared(connection)) connection.refuse(error)
  }

  /** Sends what every connection has gathered. */
  flush(): void {
    for (const connection of this.#connections) connection.flush()
  }

  #listen(
    transport: Transport,
    where: { path: string } | { host: string; port: number },
    take = (socket: Socket): void => void this.#accept(socket, transport),
  ): Promise<Server> {
    const server = createServer({ noDelay: true }, take)
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', error => reject(fromNodeError(error, `listen on ${JSON.stringify(where)}`)))
      server.listen(where, () => resolve(server))
    })
  }

  #guard(serving: TlsServing): (socket: Socket) => void {
    const acceptor = new TlsAcceptor(serving, {
      plain: socket => this.#accept(socket, 'tcp'),
      secure: (socket, peer) => this.#accept(socket, 'tls', peer),
      connections: () => this.#connections,
      report: (event, fields) => this.#service.report(event, fields),
    })
    this.#acceptor = acceptor
    return socket => acceptor.take(socket)
  }

  #accept(socket: Socket, transport: Transport, peer?: TlsPeer): ServerConnection {
    const onClosed = (): void => {
      this.#connections.delete(connection)
      this.#service.closed(connection)
    }
    const connection = new ServerConnection(socket, { transport, peer }, this.#service, onClosed)
    this.#connections.add(connection)
    return connection
  }
}
