/** PEM blocks (RFC 7468): making, finding and reading them, and fingerprints of certificates. */
import { createHash, X509Certificate } from 'node:crypto'
import { FsError } from '../base/errors.ts'

export function pemOf(der: ArrayBuffer | Uint8Array, label: string): string {
  const bytes = der instanceof Uint8Array ? Buffer.from(der) : Buffer.from(der)
  const lines = bytes.toString('base64').match(/.{1,64}/g) ?? []
  return `-----BEGIN ${label}-----\n${lines.join('\n')}\n-----END ${label}-----\n`
}

/** The blocks with this label, in order. */
export function blocksIn(text: string, label: string): string[] {
  const blocks = text.match(new RegExp(`-----BEGIN ${label}-----[^-]*-----END ${label}-----`, 'g')) ?? []
  return blocks.map(block => `${block}\n`)
}

/** The certificates of a file, in order. Throws CORRUPT where there is none or one that nobody can read. */
export function certificatesIn(text: string, what: string): X509Certificate[] {
  try {
    const found = blocksIn(text, 'CERTIFICATE').map(block => new X509Certificate(block))
    if (found.length > 0) return found
  } catch (error) {
    throw new FsError('CORRUPT', `${what} is damaged: ${(error as Error).message}`, {}, { cause: error })
  }
  throw new FsError('CORRUPT', `${what} holds no certificate`)
}

/** SHA-256 of the whole certificate, 32 bytes. */
export function fingerprintOf(certificate: X509Certificate): Buffer {
  return createHash('sha256').update(certificate.raw).digest()
}
