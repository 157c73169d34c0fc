/** For tests: a cluster's authority in a temporary folder, and folders of nodes with any certificate. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { issue, makeKey, type Validity, validFor } from '../pki/authority.ts'
import { foundAuthority } from '../pki/founding.ts'
import { uriOf } from '../pki/peer-name.ts'
import { blocksIn } from '../pki/pem.ts'
import { makePrivateFolder, type PkiFolder, pkiFolder, readIfThere, writeWhole } from '../pki/pki-folder.ts'
import type { Signer } from '../pki/signer.ts'

const HOUR_MS = 3600 * 1000
export const LOCAL_HOSTS = ['localhost', '127.0.0.1']

export interface NodeOptions {
  readonly role?: string
  readonly id?: string
  readonly usages?: readonly ('client' | 'server')[]
  readonly validity?: Validity
  readonly cluster?: string
}

export class TestAuthority {
  readonly path: string
  /** Of the authority and of the first namenode, `first`. */
  readonly folder: PkiFolder
  readonly signer: Signer

  private constructor(path: string, folder: PkiFolder, signer: Signer) {
    this.path = path
    this.folder = folder
    this.signer = signer
  }

  static async make(validMs?: number): Promise<TestAuthority> {
    const path = mkdtempSync(join(tmpdir(), 'hopbine-pki-'))
    const folder = pkiFolder(join(path, 'authority'))
    const node = { id: 'first', hosts: LOCAL_HOSTS, ...(validMs === undefined ? {} : { validMs }) }
    return new TestAuthority(path, folder, await foundAuthority(folder, node))
  }

  /** A folder of a node, made or overwritten; whatever is asked for is certified. */
  async node(name: string, options: NodeOptions = {}): Promise<PkiFolder> {
    const { role = 'datanode', id = name, cluster = this.signer.cluster } = options
    const folder = pkiFolder(join(this.path, name))
    makePrivateFolder(folder.path)
    const { keyPem, publicKey } = makeKey()
    const text = readIfThere(this.folder.issuerFile) ?? ''
    const issuer = {
      keyPem: blocksIn(text, 'PRIVATE KEY')[0] ?? '',
      certificatePem: blocksIn(text, 'CERTIFICATE')[0] ?? '',
    }
    const certificate = await issue(issuer, {
      publicKey,
      commonName: id,
      uri: uriOf({ cluster, role, id }),
      hosts: LOCAL_HOSTS,
      usages: options.usages ?? ['client', 'server'],
      validity: options.validity ?? validFor(HOUR_MS),
    })
    writeWhole(folder.caFile, this.signer.roots, 0o644)
    writeWhole(folder.nodeFile, keyPem + certificate + issuer.certificatePem + this.signer.roots)
    return folder
  }

  remove(): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}
