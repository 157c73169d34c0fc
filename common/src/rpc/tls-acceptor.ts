/**
 * Takes TCP connections of a port that speaks TLS and, for this machine, the plain protocol: the first byte
 * tells which. It judges certificates before a byte of a request is read, and again while connections last,
 * since certificates end and are revoked.
 */
import type { Socket } from 'node:net'
import { createServer, type Server, type TLSSocket } from 'node:tls'
import { FsError, isFsError } from '../base/errors.ts'
import type { NodeCredentials, TlsPeer } from '../pki/credentials.ts'
import type { ServerConnection } from './server-connection.ts'

export interface TlsServing {
  readonly credentials: NodeCredentials
  /** Other machines, too, may speak the plain protocol and show the token. */
  readonly isPlainForAll: boolean
}

export interface TlsAccepting {
  plain(socket: Socket): ServerConnection
  /** Without `peer`: it showed no certificate. */
  secure(socket: Socket, peer: TlsPeer | undefined): ServerConnection
  connections(): Iterable<ServerConnection>
  report(event: string, fields: Record<string, unknown>): void
}

/** A TLS record with a handshake begins so; read as a length, it would be a greeting of over 64 KiB. */
const TLS_HANDSHAKE = 0x16
const TLS_MAJOR_VERSION = 0x03
const TLS_MINOR_VERSIONS = [1, 2, 3, 4]
/** Time for the first byte, and for the handshake, in milliseconds. */
const HANDSHAKE_MS = 10_000

export class TlsAcceptor {
  readonly #serving: TlsServing
  readonly #accepting: TlsAccepting
  readonly #server: Server
  readonly #unwatch: () => void

  constructor(serving: TlsServing, accepting: TlsAccepting) {
    const { credentials } = serving
    this.#serving = serving
    this.#accepting = accepting
    this.#server = createServer({
      ...credentials.material,
      requestCert: true,
      // Node would hang up without a word: `#secured` refuses the same, and says why.
      rejectUnauthorized: false,
      handshakeTimeout: HANDSHAKE_MS,
    })
    this.#server.on('secureConnection', socket => this.#secured(socket))
    this.#server.on('tlsClientError', error => accepting.report('tls-failed', { message: error.message }))
    this.#unwatch = credentials.watch(
      hasChanged => this.#recheck(hasChanged),
      error => accepting.report('certificates-not-read', { message: error.message }),
    )
  }

  take(socket: Socket): void {
    const timer = setTimeout(() => socket.destroy(), HANDSHAKE_MS)
    timer.unref()
    const stop = (): void => clearTimeout(timer)
    // A reset before the first byte is nobody's affair.
    socket.on('error', stop)
    socket.on('close', stop)
    socket.once('data', (first: Buffer) => {
      stop()
      socket.pause()
      socket.unshift(first)
      if (isTls(first)) this.#server.emit('connection', socket)
      else this.#takePlain(socket)
    })
  }

  close(): void {
    this.#unwatch()
    this.#server.close()
  }

  #takePlain(socket: Socket): void {
    const connection = this.#accepting.plain(socket)
    if (this.#serving.isPlainForAll || isOfThisMachine(socket.remoteAddress ?? '')) {
      socket.resume()
      return
    }
    this.#refuse(socket, connection, new FsError('UNAUTHENTICATED', 'other machines must speak TLS here'))
  }

  #secured(socket: TLSSocket): void {
    try {
      this.#accepting.secure(socket, this.#serving.credentials.accept(socket))
    } catch (error) {
      if (!isFsError(error)) throw error
      this.#refuse(socket, this.#accepting.secure(socket, undefined), error)
    }
  }

  #refuse(socket: Socket, connection: ServerConnection, { code, message, details }: FsError): void {
    this.#accepting.report('peer-refused', { from: socket.remoteAddress, code, message })
    connection.refuse(new FsError(code, message, { ...details }))
  }

  /** Ends connections whose certificates are good no longer; new ones use what the files hold now. */
  #recheck(hasChanged: boolean): void {
    const { credentials } = this.#serving
    if (hasChanged) {
      const { name, notAfterMs } = credentials.own
      this.#server.setSecureContext(credentials.material)
      const until = new Date(notAfterMs).toISOString()
      this.#accepting.report('certificates-read', { role: name.role, id: name.id, until })
    }
    for (const connection of this.#accepting.connections()) {
      if (connection.peer === undefined) continue
      try {
        credentials.check(connection.peer)
      } catch (error) {
        if (!isFsError(error)) throw error
        this.#accepting.report('peer-ended', { code: error.code, message: error.message })
        // Who has a newer certificate connects again with it, and its calls go on.
        if (error.details.reason === 'expired') connection.destroy()
        else connection.refuse(error)
      }
    }
  }
}

function isTls(first: Buffer): boolean {
  const [type, major, minor = 0] = first
  return type === TLS_HANDSHAKE && major === TLS_MAJOR_VERSION && TLS_MINOR_VERSIONS.includes(minor)
}

function isOfThisMachine(address: string): boolean {
  return address === '::1' || /^(::ffff:)?127\./.test(address)
}
