/**
 * Keeps the certificate of a running node good: asks for a new one, for a new key, when two thirds of its
 * time are over, and follows the list of revoked ones. It only writes files; who uses them sees them change.
 * Several processes of a home may do it at once: each file is whole at any time, and the last one stays.
 */
import type { X509Certificate } from 'node:crypto'
import { renewCertificate } from '../protocol/certificates.ts'
import { RpcClient } from '../rpc/client.ts'
import type { NodeCredentials } from './credentials.ts'
import { isNodeRole } from './peer-name.ts'
import { certificatesIn } from './pem.ts'
import { readIfThere, writeWhole } from './pki-folder.ts'

export interface KeeperOptions {
  readonly credentials: NodeCredentials
  readonly report: (event: string, fields: Record<string, unknown>) => void
}

/** How often it looks, in milliseconds; of a certificate that is good for less than a day, oftener. */
const LOOK_MS = 60_000
const LOOK_MS_MIN = 1_000
/** Share of its time after which a certificate is renewed. */
const RENEWAL_SHARE = 2 / 3

export class CertificateKeeper {
  readonly #options: KeeperOptions
  #timer: NodeJS.Timeout | undefined
  #looking: Promise<void> | undefined
  #hasStopped = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  start(): void {
    this.#later()
  }

  async stop(): Promise<void> {
    this.#hasStopped = true
    clearTimeout(this.#timer)
    await this.#looking
  }

  #later(): void {
    if (this.#hasStopped) return
    const { notBeforeMs, notAfterMs } = this.#options.credentials.own
    const lookMs = Math.max(LOOK_MS_MIN, Math.min(LOOK_MS, (notAfterMs - notBeforeMs) / 1_000))
    this.#timer = setTimeout(() => {
      this.#looking = this.#look().finally(() => this.#later())
    }, lookMs)
    this.#timer.unref()
  }

  async #look(): Promise<void> {
    const { credentials, report } = this.#options
    try {
      await credentials.reload()
      const { notBeforeMs, notAfterMs } = credentials.own
      const isDue = Date.now() > notBeforeMs + (notAfterMs - notBeforeMs) * RENEWAL_SHARE
      const { joinedAt } = await import('./joining.ts')
      const place = joinedAt(credentials.folder)
      if (place !== undefined) await this.#ask(place, isDue)
      else if (isDue) await this.#signHere()
      else return
      if (await credentials.reload()) report('certificate-kept', { until: until(credentials) })
    } catch (error) {
      // It is tried again at the next look, for a third of its time.
      const { message } = error as Error
      report('certificate-not-renewed', { until: until(credentials), message })
    }
  }

  async #ask(place: { host: string; port: number }, isDue: boolean): Promise<void> {
    const { credentials } = this.#options
    const { folder } = credentials
    const tls = credentials.dialer('namenode')
    const key = isDue ? await newRequest(credentials) : undefined
    const client = new RpcClient({ address: { ...place, tls }, retryMs: 0 })
    try {
      const request = { csr: key?.csr, hosts: credentials.hosts }
      const { chain, revoked } = await client.call(renewCertificate, request)
      if (key !== undefined) {
        const { requireOwn } = await import('./joining.ts')
        const [root] = certificatesIn(readIfThere(folder.caFile) ?? '', folder.caFile)
        requireOwn(chain, root as X509Certificate, key.publicKey)
        writeWhole(folder.nodeFile, key.keyPem + chain)
      }
      if (revoked === '' || revoked === readIfThere(folder.revokedFile)) return
      const { revokedIn } = await import('./revocations.ts')
      await revokedIn(revoked, certificatesIn(credentials.material.cert, folder.nodeFile))
      writeWhole(folder.revokedFile, revoked, 0o644)
    } finally {
      client.close()
    }
  }

  async #signHere(): Promise<void> {
    const { credentials } = this.#options
    const { role, id } = credentials.own.name
    const { Signer } = await import('./signer.ts')
    const signer = Signer.load(credentials.folder)
    if (signer === undefined || !isNodeRole(role)) throw new Error('there is no issuer to renew it')
    const { keyPem, publicKey } = await newRequest(credentials)
    const chain = await signer.sign({ role, id, publicKey, hosts: credentials.hosts })
    writeWhole(credentials.folder.nodeFile, keyPem + chain)
  }
}

async function newRequest(
  credentials: NodeCredentials,
): Promise<{ keyPem: string; publicKey: Buffer; csr: Buffer }> {
  const { makeKey, makeRequest } = await import('./authority.ts')
  const { keyPem, publicKey } = makeKey()
  return { keyPem, publicKey, csr: await makeRequest(keyPem, credentials.own.name.id) }
}

function until({ own }: NodeCredentials): string {
  return new Date(own.notAfterMs).toISOString()
}
