/** The block port: listens, opens a session for each connection, and ends them all at the end. */
import { createServer, type Server, type Socket } from 'node:net'
import { assert } from '@hopbine/common/base/assert.ts'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'
import { hasLocalSocket, localSocketName } from '@hopbine/common/protocol/block.ts'
import { BlockChannel } from '@hopbine/common/rpc/block-channel.ts'
import { BlockListing } from './block-listing.ts'
import { BlockSession } from './block-session.ts'
import type { BlockService } from './service.ts'

/** Open connections; each holds at most about 4 MiB; more are told BUSY. */
const CONNECTIONS_MAX = 1024
/** A connection on which nothing moves is ended after so long, in milliseconds. */
const SILENCE_MS = 10 * 60_000

export class BlockServer {
  readonly #service: BlockService
  readonly #listing: BlockListing
  readonly #channels = new Set<BlockChannel>()
  readonly #servers: Server[] = []

  constructor(service: BlockService) {
    this.#service = service
    this.#listing = new BlockListing(service.store)
  }

  /**
   * Listens on TCP, and on loopback also on the local socket that goes with the port. Port 0 takes a free
   * one. Returns the port. Fails if it is taken.
   */
  async listen(nodeId: string, host: string, port: number): Promise<number> {
    const server = await this.#listen({ host, port })
    const address = server.address()
    assert(typeof address === 'object' && address !== null, 'a listening server has an address')
    if (hasLocalSocket(host)) await this.#listen({ path: localSocketName({ nodeId, port: address.port }) })
    return address.port
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const ended = this.#servers.map(server => new Promise<void>(resolve => server.close(() => resolve())))
    for (const channel of this.#channels) channel.destroy()
    await Promise.all(ended)
  }

  #listen(where: { path: string } | { host: string; port: number }): Promise<Server> {
    const server = createServer({ pauseOnConnect: true }, socket => this.#accept(socket))
    this.#servers.push(server)
    return new Promise((resolve, reject) => {
      server.once('error', error => reject(fromNodeError(error, 'listen for blocks')))
      server.listen(where, () => resolve(server))
    })
  }

  #accept(socket: Socket): void {
    const session = new BlockSession(this.#service, this.#listing, () => this.#left(channel))
    const channel = BlockChannel.accept(socket, session)
    session.attach(channel)
    this.#channels.add(channel)
    this.#service.counters.connections.set(this.#channels.size)
    channel.limitSilence(SILENCE_MS)
    if (this.#channels.size > CONNECTIONS_MAX) {
      channel.failAndEnd(0, new FsError('BUSY', `the datanode serves ${CONNECTIONS_MAX} connections`))
    }
  }

  #left(channel: BlockChannel): void {
    this.#channels.delete(channel)
    this.#service.counters.connections.set(this.#channels.size)
  }
}
