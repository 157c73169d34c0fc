/** The block port: listens, opens a session for each connection, and ends them all at the end. */
import { createServer, type Server } from 'node:net'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'
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
  readonly #server: Server

  constructor(service: BlockService) {
    this.#service = service
    this.#listing = new BlockListing(service.store)
    this.#server = createServer({ pauseOnConnect: true }, socket => {
      const session = new BlockSession(service, this.#listing, () => this.#left(channel))
      const channel = BlockChannel.accept(socket, session)
      session.attach(channel)
      this.#channels.add(channel)
      service.counters.connections.set(this.#channels.size)
      channel.limitSilence(SILENCE_MS)
      if (this.#channels.size > CONNECTIONS_MAX) {
        channel.failAndEnd(0, new FsError('BUSY', `the datanode serves ${CONNECTIONS_MAX} connections`))
      }
    })
  }

  /** Port 0 takes a free one. Returns the port. */
  listen(host: string, port: number): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', error => reject(fromNodeError(error, `listen on ${host}:${port}`)))
      this.#server.listen(port, host, () => {
        const address = this.#server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  /** Stops listening and ends every connection. */
  async close(): Promise<void> {
    const ended = new Promise<void>(resolve => this.#server.close(() => resolve()))
    for (const channel of this.#channels) channel.destroy()
    await ended
  }

  #left(channel: BlockChannel): void {
    this.#channels.delete(channel)
    this.#service.counters.connections.set(this.#channels.size)
  }
}
