/** Reading lists of revoked certificates (RFC 5280 section 5). */
import 'reflect-metadata'
import type { X509Certificate } from 'node:crypto'
import { X509Certificate as X509CertificateOf, X509Crl } from '@peculiar/x509'
import { FsError } from '../base/errors.ts'
import { blocksIn } from './pem.ts'

/**
 * Serial numbers in upper-case hexadecimal digits. Throws CORRUPT for a list that none of these authorities
 * signed: whoever can write the file must not be able to let a revoked node in again.
 */
export async function revokedIn(
  text: string,
  authorities: readonly X509Certificate[],
): Promise<ReadonlySet<string>> {
  const [block] = blocksIn(text, 'X509 CRL')
  if (block === undefined) throw new FsError('CORRUPT', 'the list of revoked certificates is damaged')
  const list = new X509Crl(block.replaceAll('X509 CRL', 'CRL'))
  for (const authority of authorities) {
    const { publicKey } = new X509CertificateOf(authority.raw)
    if (authority.ca && (await list.verify({ publicKey }))) {
      return new Set(list.entries.map(({ serialNumber }) => serialNumber.toUpperCase()))
    }
  }
  throw new FsError('CORRUPT', 'the list of revoked certificates is not signed by an issuer of the cluster')
}
