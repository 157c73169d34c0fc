/**
 * How a machine joins a cluster: it makes its key here, where it stays, finds the root that the token vouches
 * for at the other end, and only then shows the token. It can be broken off anywhere and run again: the key
 * that asked gets the same certificate.
 */
import { timingSafeEqual, X509Certificate } from 'node:crypto'
import { existsSync, rmSync } from 'node:fs'
import { connect, type DetailedPeerCertificate } from 'node:tls'
import { FsError } from '../base/errors.ts'
import { joinCluster } from '../protocol/certificates.ts'
import { Connection } from '../rpc/connection.ts'
import { makeKey, makeRequest, publicKeyOf } from './authority.ts'
import { handshakeRefusal, requireNamenode, type TlsDialer } from './credentials.ts'
import { type PeerName, peerNameIn } from './peer-name.ts'
import { certificatesIn, fingerprintOf, pemOf } from './pem.ts'
import { makePrivateFolder, type PkiFolder, readIfThere, readSecret, writeWhole } from './pki-folder.ts'
import type { Token } from './token.ts'

export interface Place {
  readonly host: string
  readonly port: number
}

/** Time for each of its two connections, in milliseconds. */
const CONNECT_MS = 10_000

/**
 * Answers who this machine is from now on. Throws ALREADY_EXISTS where it has a certificate, UNAVAILABLE
 * where nobody answers, and UNAUTHENTICATED with `details.reason`: `fingerprint` for a server of another
 * cluster than the token's, else as `joinCluster` does.
 */
export async function join(
  folder: PkiFolder,
  token: Token,
  place: Place,
  hosts: readonly string[],
): Promise<PeerName> {
  if (existsSync(folder.nodeFile)) {
    throw new FsError('ALREADY_EXISTS', `${folder.nodeFile} is there already: this machine has joined`)
  }
  makePrivateFolder(folder.path)
  const keyPem = keyIn(folder)
  const root = await findRoot(place, token.fingerprint)
  const csr = await makeRequest(keyPem, 'newcomer')
  const request = { secret: token.secret, csr, hosts: [...hosts] }
  const { chain } = await Connection.ask(
    { ...place, tls: newcomersDialer(root) },
    joinCluster,
    request,
    CONNECT_MS,
  )
  const name = requireOwn(chain, root, publicKeyOf(keyPem))
  writeWhole(folder.caFile, pemOf(root.raw, 'CERTIFICATE'), 0o644)
  writeWhole(folder.joinedFile, `${JSON.stringify(place)}\n`, 0o644)
  writeWhole(folder.nodeFile, keyPem + chain)
  rmSync(folder.joiningKeyFile)
  return name
}

/** Where a node that joined renews its certificate; undefined: beside the issuer itself. */
export function joinedAt(folder: PkiFolder): Place | undefined {
  const text = readIfThere(folder.joinedFile)
  return text === undefined ? undefined : (JSON.parse(text) as Place)
}

/** Throws UNAUTHENTICATED for a chain that is not this root's, or not for this key. Answers whom it names. */
export function requireOwn(chain: string, root: X509Certificate, publicKey: Buffer): PeerName {
  const [leaf, issuer] = certificatesIn(chain, 'the answer of the namenode')
  const isOwn =
    leaf !== undefined &&
    issuer?.ca === true &&
    leaf.publicKey.export({ type: 'spki', format: 'der' }).equals(publicKey) &&
    leaf.verify(issuer.publicKey) &&
    issuer.verify(root.publicKey)
  if (!isOwn) throw refusal('chain', 'the namenode answered with a certificate that is not for this key')
  return peerNameIn(leaf)
}

/** A key that asked before is kept: its token may be used up by it. */
function keyIn(folder: PkiFolder): string {
  if (existsSync(folder.joiningKeyFile)) return readSecret(folder.joiningKeyFile)
  const { keyPem } = makeKey()
  writeWhole(folder.joiningKeyFile, keyPem)
  return keyPem
}

/** Looks only: nothing is said to a server that nobody has vouched for yet. */
async function findRoot({ host, port }: Place, fingerprint: Buffer): Promise<X509Certificate> {
  const shown = await new Promise<X509Certificate[]>((resolve, reject) => {
    const socket = connect({ host, port, rejectUnauthorized: false, minVersion: 'TLSv1.3' })
    const timer = setTimeout(
      () => socket.destroy(new FsError('TIMED_OUT', `${host}:${port} does not answer`)),
      CONNECT_MS,
    )
    socket.once('secureConnect', () => {
      resolve(chainOf(socket.getPeerCertificate(true)))
      socket.destroy()
    })
    socket.once('error', (error: NodeJS.ErrnoException) => {
      const where = `cannot reach ${host}:${port}: ${error.message}`
      reject(handshakeRefusal(error) ?? new FsError('UNAVAILABLE', where, {}, { cause: error }))
    })
    socket.once('close', () => {
      clearTimeout(timer)
      reject(new FsError('UNAVAILABLE', `${host}:${port} closed the connection`))
    })
  })
  const root = shown.find(certificate => timingSafeEqual(fingerprintOf(certificate), fingerprint))
  if (root !== undefined) return root
  const what = `${host}:${port} belongs to another cluster than the token, or somebody stands in between`
  throw refusal('fingerprint', `${what}: nothing was sent`)
}

function chainOf(certificate: DetailedPeerCertificate): X509Certificate[] {
  const chain: X509Certificate[] = []
  let each: DetailedPeerCertificate | undefined = certificate
  // The root names itself as its issuer.
  while (each?.raw !== undefined && chain.every(({ raw }) => !raw.equals(each?.raw ?? raw))) {
    chain.push(new X509Certificate(each.raw))
    each = each.issuerCertificate
  }
  return chain
}

/** Trusts namenodes of that root, and shows nothing of its own. */
function newcomersDialer(root: X509Certificate): TlsDialer {
  const { cluster } = peerNameIn(root)
  return {
    refusalOf: handshakeRefusal,
    dial: (host, port) =>
      connect({
        host,
        port,
        ca: pemOf(root.raw, 'CERTIFICATE'),
        minVersion: 'TLSv1.3',
        checkServerIdentity: (_host, { raw }) => requireNamenode(new X509Certificate(raw), cluster),
      }),
  }
}

function refusal(reason: string, sentence: string): FsError {
  return new FsError('UNAUTHENTICATED', sentence, { reason })
}
