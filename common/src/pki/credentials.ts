/**
 * What a node shows of itself on TLS connections, and how it judges those at the other end: both come from
 * its folder and follow it, so that certificates are renewed and revoked while it runs. A connection is TLS
 * 1.3 with certificates on both sides, made by the same authority; anything less is refused by name.
 */
import { X509Certificate } from 'node:crypto'
import { statSync } from 'node:fs'
import { connect, type PeerCertificate, type TLSSocket } from 'node:tls'
import { FsError, isFsError } from '../base/errors.ts'
import { isNodeRole, type NodeRole, type PeerName, peerNameIn } from './peer-name.ts'
import { blocksIn, certificatesIn } from './pem.ts'
import { type PkiFolder, pkiFolder, readIfThere, readSecret } from './pki-folder.ts'

/** Who is at the other end of a connection, by its certificate. */
export interface TlsPeer {
  readonly name: PeerName
  /** Upper-case hexadecimal digits, as Node tells them. */
  readonly serialNumber: string
  readonly notBeforeMs: number
  readonly notAfterMs: number
}

/** What goes into a secure context. */
export interface TlsMaterial {
  readonly key: string
  readonly cert: string
  readonly ca: string
  readonly minVersion: 'TLSv1.3'
}

/** Opens connections to servers of one role. */
export interface TlsDialer {
  /** What goes wrong is an event `error` of the socket. */
  dial(host: string, port: number): TLSSocket
  /** What such an error means, if it has to do with TLS. */
  refusalOf(error: NodeJS.ErrnoException): FsError | undefined
}

/** How often the files are looked at, in milliseconds. */
const LOOK_MS = 1_000

interface State {
  readonly material: TlsMaterial
  readonly own: TlsPeer
  readonly hosts: string[]
  /** Serial numbers. */
  readonly revoked: ReadonlySet<string>
  /** Tells whether the files have changed. */
  readonly stamp: string
}

export class NodeCredentials {
  readonly folder: PkiFolder
  #state: State
  readonly #listeners = new Set<(hasChanged: boolean) => void>()
  #timer: NodeJS.Timeout | undefined

  private constructor(folder: PkiFolder, state: State) {
    this.folder = folder
    this.#state = state
  }

  /** Throws NOT_FOUND, ACCESS_DENIED or CORRUPT for a folder that holds no usable certificate. */
  static async load(path: string): Promise<NodeCredentials> {
    const folder = pkiFolder(path)
    return new NodeCredentials(folder, await readState(folder))
  }

  get own(): TlsPeer {
    return this.#state.own
  }

  /** Names and addresses in its certificate. */
  get hosts(): string[] {
    return this.#state.hosts
  }

  get material(): TlsMaterial {
    return this.#state.material
  }

  /** Takes what the files hold by now; true if that is something else. A failure changes nothing. */
  async reload(): Promise<boolean> {
    if (stampOf(this.folder) === this.#state.stamp) return false
    this.#state = await readState(this.folder)
    for (const listener of this.#listeners) listener(true)
    return true
  }

  /**
   * Follows the files. Listeners are called at each look, since certificates also end by themselves. Answers
   * how to stop.
   */
  watch(listener: (hasChanged: boolean) => void, onError: (error: Error) => void): () => void {
    this.#listeners.add(listener)
    if (this.#timer === undefined) {
      let isLooking = false
      this.#timer = setInterval(() => {
        if (isLooking) return
        isLooking = true
        this.#look()
          .catch(onError)
          .finally(() => {
            isLooking = false
          })
      }, LOOK_MS)
      this.#timer.unref()
    }
    return () => {
      this.#listeners.delete(listener)
      if (this.#listeners.size > 0) return
      clearInterval(this.#timer)
      this.#timer = undefined
    }
  }

  async #look(): Promise<void> {
    let hasChanged = false
    try {
      hasChanged = await this.reload()
    } finally {
      if (!hasChanged) for (const listener of this.#listeners) listener(false)
    }
  }

  /** Throws UNAUTHENTICATED, with `details.reason`, for a peer that is no node of this cluster at present. */
  check(peer: TlsPeer, nowMs = Date.now()): void {
    const { name, serialNumber, notBeforeMs, notAfterMs } = peer
    const who = `the certificate of ${name.role} ${name.id}`
    if (nowMs > notAfterMs) throw refusal('expired', `${who} expired at ${iso(notAfterMs)}`)
    if (nowMs < notBeforeMs) throw refusal('not-yet-valid', `${who} is not valid before ${iso(notBeforeMs)}`)
    if (this.#state.revoked.has(serialNumber)) throw refusal('revoked', `${who} was revoked`)
    if (name.cluster !== this.own.name.cluster) {
      throw refusal('foreign', `${who} is of cluster ${name.cluster}, this one is ${this.own.name.cluster}`)
    }
    if (!isNodeRole(name.role)) throw refusal('no-node', `${who} is not one of a node of the cluster`)
  }

  /**
   * Who has connected to a server; undefined: it shows no certificate, so it may only ask for one. Throws
   * UNAUTHENTICATED.
   */
  accept(socket: TLSSocket): TlsPeer | undefined {
    const certificate = socket.getPeerX509Certificate()
    if (certificate === undefined) return undefined
    // Of another authority nothing that it says is worth repeating, not even its name.
    if (!socket.authorized && !isOfTime(socket.authorizationError)) {
      throw chainRefusal(String(socket.authorizationError))
    }
    const peer = peerOf(certificate)
    this.check(peer)
    if (!socket.authorized) throw chainRefusal(String(socket.authorizationError))
    return peer
  }

  /** Connects to servers whose certificate has this role; failures are events of the socket. */
  dialer(role: NodeRole): TlsDialer {
    return {
      refusalOf: handshakeRefusal,
      dial: (host, port) => {
        const socket = connect({
          host,
          port,
          ...this.material,
          // Who it is stands in the certificate's URI: a name in DNS would be weaker and need care.
          checkServerIdentity: (_host, certificate) => this.#checkServer(role, certificate),
        })
        return socket.setNoDelay(true)
      },
    }
  }

  #checkServer(role: NodeRole, certificate: PeerCertificate): Error | undefined {
    try {
      const peer = peerOf(new X509Certificate(certificate.raw))
      this.check(peer)
      if (peer.name.role === role) return undefined
      return refusal('role', `the server is ${peer.name.role} ${peer.name.id}, not a ${role}`)
    } catch (error) {
      if (isFsError(error)) return error
      throw error
    }
  }
}

/** Undefined for a namenode of the cluster, else why it is none; its chain was verified before. */
export function requireNamenode(certificate: X509Certificate, cluster: string): FsError | undefined {
  try {
    const { role, id, cluster: found } = peerNameIn(certificate)
    if (found === cluster && role === 'namenode') return undefined
    return refusal('role', `the server is ${role} ${id} of ${found}, no namenode of ${cluster}`)
  } catch (error) {
    if (isFsError(error)) return error
    throw error
  }
}

/** An error of a handshake as what it means, or undefined for one that has nothing to do with TLS. */
export function handshakeRefusal(error: NodeJS.ErrnoException): FsError | undefined {
  if (isFsError(error)) return error
  const { code = '' } = error
  if (code in CHAIN_REASONS) return chainRefusal(code)
  if (!code.startsWith('ERR_SSL_')) return undefined
  return new FsError('UNAVAILABLE', `the server does not speak TLS here, or not as we do: ${error.message}`)
}

/** What OpenSSL found wrong with a chain of certificates. */
const CHAIN_REASONS: Readonly<Record<string, readonly [reason: string, sentence: string]>> = {
  CERT_HAS_EXPIRED: ['expired', 'the certificate at the other end, or one above it, has expired'],
  CERT_NOT_YET_VALID: ['not-yet-valid', 'the certificate at the other end is not valid yet'],
  INVALID_PURPOSE: ['purpose', 'the certificate at the other end was made for another purpose'],
  SELF_SIGNED_CERT_IN_CHAIN: ['foreign', 'the certificate at the other end is of another cluster'],
  DEPTH_ZERO_SELF_SIGNED_CERT: ['foreign', 'the certificate at the other end is of no cluster'],
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: ['foreign', 'the certificate at the other end is of another cluster'],
  UNABLE_TO_GET_ISSUER_CERT: ['foreign', 'the certificate at the other end is of another cluster'],
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: ['foreign', 'the certificate at the other end is of another cluster'],
}

function isOfTime(error: Error | string | null): boolean {
  return ['CERT_HAS_EXPIRED', 'CERT_NOT_YET_VALID'].includes(String(error))
}

function chainRefusal(code: string): FsError {
  const [reason, sentence] = CHAIN_REASONS[code] ?? ['chain', `the certificate at the other end: ${code}`]
  return refusal(reason, sentence)
}

function refusal(reason: string, sentence: string): FsError {
  return new FsError('UNAUTHENTICATED', sentence, { reason })
}

function peerOf(certificate: X509Certificate): TlsPeer {
  return {
    name: peerNameIn(certificate),
    serialNumber: certificate.serialNumber,
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  }
}

async function readState(folder: PkiFolder): Promise<State> {
  const stamp = stampOf(folder)
  const ca = readIfThere(folder.caFile)
  if (ca === undefined || readIfThere(folder.nodeFile) === undefined) {
    throw new FsError('NOT_FOUND', `${folder.path} holds no certificate of a node`)
  }
  const [key, ...certificates] = splitNodeFile(readSecret(folder.nodeFile), folder.nodeFile)
  const chain = certificatesIn(certificates.join(''), folder.nodeFile)
  const [leaf] = chain
  if (key === undefined || leaf === undefined) throw new FsError('CORRUPT', `${folder.nodeFile} is damaged`)
  certificatesIn(ca, folder.caFile)
  const list = readIfThere(folder.revokedFile)
  // Reading one takes a library that most nodes never need.
  const revoked =
    list === undefined ? new Set<string>() : await (await import('./revocations.ts')).revokedIn(list, chain)
  const material = { key, cert: certificates.join(''), ca, minVersion: 'TLSv1.3' } as const
  return { material, own: peerOf(leaf), hosts: hostsIn(leaf), revoked, stamp }
}

function splitNodeFile(text: string, path: string): string[] {
  const [key] = blocksIn(text, 'PRIVATE KEY')
  if (key === undefined) throw new FsError('CORRUPT', `${path} holds no private key`)
  return [key, ...blocksIn(text, 'CERTIFICATE')]
}

function stampOf(folder: PkiFolder): string {
  const stamps = [folder.caFile, folder.nodeFile, folder.revokedFile].map(path => {
    const stat = statSync(path, { bigint: true, throwIfNoEntry: false })
    return stat === undefined ? '' : `${stat.ino} ${stat.mtimeNs} ${stat.size}`
  })
  return stamps.join('|')
}

function hostsIn({ subjectAltName = '' }: X509Certificate): string[] {
  return subjectAltName.split(', ').flatMap(name => /^(?:DNS|IP Address):(.+)$/.exec(name)?.[1] ?? [])
}

const iso = (ms: number): string => new Date(ms).toISOString().replace('.000Z', 'Z')
