/**
 * The online part of a cluster's authority: makes certificates of nodes with the issuer's key in the folder,
 * notes each in `issued.jsonl` before anybody gets it, and revokes them. Certificates of users would come
 * from the same issuer under roles of their own.
 */

import { X509Certificate } from 'node:crypto'
import { appendFileSync, closeSync, existsSync, fsyncSync, openSync } from 'node:fs'
import { isIP } from 'node:net'
import { FsError } from '../base/errors.ts'
import { issue, type KeyAndCertificate, makeRevocationList, validFor } from './authority.ts'
import { isNodeRole, isPeerId, type NodeRole, type PeerName, peerNameIn, uriOf } from './peer-name.ts'
import { blocksIn } from './pem.ts'
import { type PkiFolder, readIfThere, readSecret, writeWhole } from './pki-folder.ts'

export interface NodeRequest {
  readonly role: NodeRole
  readonly id: string
  /** DER of its public key. */
  readonly publicKey: Uint8Array
  readonly hosts: readonly string[]
}

/** A line of `issued.jsonl`. */
export interface Issued {
  readonly serialNumber: string
  readonly role: string
  readonly id: string
  /** Milliseconds since 1970. */
  readonly notAfterMs: number
  readonly revokedMs?: number
}

/** How long a node's certificate is good: it is renewed after two thirds of it, in milliseconds. */
export const NODE_CERTIFICATE_MS = 30 * 24 * 3600 * 1000
/** Names and addresses that a node may give itself. */
const HOSTS_MAX = 32
const HOST = /^(?=.{1,253}$)[A-Za-z0-9_]([A-Za-z0-9_-]{0,62})(\.[A-Za-z0-9_][A-Za-z0-9_-]{0,62})*$/

export class Signer {
  readonly cluster: string
  readonly #folder: PkiFolder
  readonly #issuer: KeyAndCertificate
  readonly #roots: string
  readonly #validMs: number

  private constructor(folder: PkiFolder, issuer: KeyAndCertificate, roots: string, validMs: number) {
    this.#folder = folder
    this.#issuer = issuer
    this.#roots = roots
    this.#validMs = validMs
    this.cluster = peerNameIn(new X509Certificate(issuer.certificatePem)).cluster
  }

  /** Undefined where the folder has no issuer. Throws CORRUPT or ACCESS_DENIED. */
  static load(folder: PkiFolder, validMs = NODE_CERTIFICATE_MS): Signer | undefined {
    if (!existsSync(folder.issuerFile)) return undefined
    const text = readSecret(folder.issuerFile)
    const [keyPem] = blocksIn(text, 'PRIVATE KEY')
    const [certificatePem] = blocksIn(text, 'CERTIFICATE')
    const roots = readIfThere(folder.caFile)
    if (keyPem === undefined || certificatePem === undefined || roots === undefined) {
      throw new FsError('CORRUPT', `${folder.issuerFile} or ${folder.caFile} is damaged or missing`)
    }
    return new Signer(folder, { keyPem, certificatePem }, roots, validMs)
  }

  /** Certificates of the trusted roots, as PEM. */
  get roots(): string {
    return this.#roots
  }

  /** The certificate and those above it up to the root, as PEM. Throws INVALID_ARGUMENT. */
  async sign({ role, id, publicKey, hosts }: NodeRequest): Promise<string> {
    requireNames(role, id, hosts)
    const name: PeerName = { cluster: this.cluster, role, id }
    const certificate = await issue(this.#issuer, {
      publicKey,
      commonName: id,
      uri: uriOf(name),
      hosts,
      usages: ['client', 'server'],
      validity: validFor(this.#validMs),
    })
    const { serialNumber, validToDate } = new X509Certificate(certificate)
    this.enter({ serialNumber, role, id, notAfterMs: validToDate.getTime() })
    return certificate + this.#issuer.certificatePem + this.#roots
  }

  /**
   * Revokes the certificates of a node, all that it has or one by its serial number. Answers them; none where
   * nobody is called so.
   */
  async revoke(idOrSerialNumber: string): Promise<Issued[]> {
    const revokedMs = Date.now()
    const found = this.issued().filter(
      ({ id, serialNumber }) => id === idOrSerialNumber || serialNumber === idOrSerialNumber.toUpperCase(),
    )
    for (const each of found) if (each.revokedMs === undefined) this.enter({ ...each, revokedMs })
    const revoked = this.issued().flatMap(({ serialNumber, revokedMs: since }) =>
      since === undefined ? [] : [{ serialNumber, date: new Date(since) }],
    )
    writeWhole(this.#folder.revokedFile, await makeRevocationList(this.#issuer, revoked), 0o644)
    return found
  }

  /** All certificates that it made, each with its latest note. A line without its end was never valid. */
  issued(): Issued[] {
    const lines = (readIfThere(this.#folder.issuedFile) ?? '').split('\n').slice(0, -1)
    const notes = lines.filter(line => line !== '').map(line => JSON.parse(line) as Issued)
    return [...new Map(notes.map(note => [note.serialNumber, note])).values()]
  }

  /** Enters a certificate, or what became of it, into the book. */
  enter(issued: Issued): void {
    const file = openSync(this.#folder.issuedFile, 'a', 0o600)
    try {
      appendFileSync(file, `${JSON.stringify(issued)}\n`)
      fsyncSync(file)
    } finally {
      closeSync(file)
    }
  }
}

function requireNames(role: string, id: string, hosts: readonly string[]): void {
  if (!isNodeRole(role)) throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(role)} is no role of a node`)
  if (!isPeerId(id)) throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(id)} is no name of a node`)
  if (hosts.length > HOSTS_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a node has at most ${HOSTS_MAX} names and addresses`)
  }
  for (const host of hosts) {
    if (isIP(host) > 0 || HOST.test(host)) continue
    throw new FsError('INVALID_ARGUMENT', `${JSON.stringify(host.slice(0, 300))} is no name of a machine`)
  }
}
