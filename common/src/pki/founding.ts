/** Makes the authority of a new cluster and the certificate of its first node, in the folder of a home. */
import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { FsError } from '../base/errors.ts'
import { makeIssuer, makeKey, makeRoot } from './authority.ts'
import { uriOf } from './peer-name.ts'
import { makePrivateFolder, type PkiFolder, writeWhole } from './pki-folder.ts'
import { Signer } from './signer.ts'

/** Throws ALREADY_EXISTS where there is an authority or a certificate; nothing is changed then. */
export async function foundAuthority(
  folder: PkiFolder,
  node: { readonly id: string; readonly hosts: readonly string[]; readonly validMs?: number },
): Promise<Signer> {
  for (const file of [folder.caFile, folder.rootKeyFile, folder.issuerFile, folder.nodeFile]) {
    if (existsSync(file)) throw new FsError('ALREADY_EXISTS', `${file} is there already`)
  }
  makePrivateFolder(folder.path)
  const cluster = randomBytes(8).toString('hex')
  const nameOf = (role: string): string => uriOf({ cluster, role, id: 'hopbine' })
  const root = await makeRoot(`Hopbine root ${cluster}`, nameOf('root'))
  const issuer = await makeIssuer(root, `Hopbine issuer ${cluster}`, nameOf('issuer'))
  writeWhole(folder.rootKeyFile, root.keyPem)
  writeWhole(folder.issuerFile, issuer.keyPem + issuer.certificatePem)
  writeWhole(folder.caFile, root.certificatePem, 0o644)
  const signer = Signer.load(folder, node.validMs)
  if (signer === undefined) throw new FsError('INTERNAL', `${folder.issuerFile} is gone`)
  const { keyPem, publicKey } = makeKey()
  const chain = await signer.sign({ role: 'namenode', id: node.id, publicKey, hosts: node.hosts })
  writeWhole(folder.nodeFile, keyPem + chain)
  return signer
}
