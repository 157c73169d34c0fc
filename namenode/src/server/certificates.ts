/**
 * Certificates as a namenode gives them out: to newcomers with a token, and to nodes that renew theirs. It
 * can where the folder of its certificates has an issuer's key, whether it leads or not: what it decides
 * stands beside that key, not in the log.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { NodeCredentials } from '@hopbine/common/pki/credentials.ts'
import { isNodeRole } from '@hopbine/common/pki/peer-name.ts'
import { readIfThere } from '@hopbine/common/pki/pki-folder.ts'
import type { Signer } from '@hopbine/common/pki/signer.ts'
import { joinCluster, renewCertificate } from '@hopbine/common/protocol/certificates.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'

interface Header {
  readonly id: number
  readonly method: number
}

export class Certificates {
  readonly #credentials: NodeCredentials | undefined
  readonly #report: (event: string, fields: Record<string, unknown>) => void

  constructor(
    credentials: NodeCredentials | undefined,
    report: (event: string, fields: Record<string, unknown>) => void,
  ) {
    this.#credentials = credentials
    this.#report = report
  }

  /** From somebody without a certificate. False: it is another method. */
  admit(connection: ServerConnection, header: Header, payload: Reader): boolean {
    if (header.method !== joinCluster.id) return false
    const request = joinCluster.request.decode(payload)
    // What was decoded are views of a buffer that is used again.
    const kept = { ...request, secret: Buffer.from(request.secret), csr: Buffer.from(request.csr) }
    this.#answer(connection, header, joinCluster, this.#join(kept))
    return true
  }

  /** From a node. False: it is another method. */
  dispatch(connection: ServerConnection, header: Header, payload: Reader): boolean {
    if (header.method !== renewCertificate.id) return false
    const request = renewCertificate.request.decode(payload)
    const csr = request.csr === undefined ? undefined : Buffer.from(request.csr)
    this.#answer(connection, header, renewCertificate, this.#renew(connection, { ...request, csr }))
    return true
  }

  async #join(request: RequestOf<typeof joinCluster>): Promise<ResponseOf<typeof joinCluster>> {
    const { folder, signer } = await this.#issuer()
    const { redeem } = await import('@hopbine/common/pki/invitations.ts')
    const chain = await redeem(folder, signer, request)
    this.#report('node-joined', { hosts: request.hosts })
    return { chain, roots: signer.roots }
  }

  async #renew(
    { peer }: ServerConnection,
    { csr, hosts }: RequestOf<typeof renewCertificate>,
  ): Promise<ResponseOf<typeof renewCertificate>> {
    if (peer === undefined) throw new FsError('UNAUTHENTICATED', 'only a certificate is renewed')
    const { folder, signer } = await this.#issuer()
    const rest = { roots: signer.roots, revoked: readIfThere(folder.revokedFile) ?? '' }
    if (csr === undefined) return { chain: '', ...rest }
    const { publicKeyInRequest } = await import('@hopbine/common/pki/authority.ts')
    const { role, id } = peer.name
    if (!isNodeRole(role)) throw new FsError('NOT_PERMITTED', `${role} ${id} is no node`)
    const chain = await signer.sign({ role, id, publicKey: await publicKeyInRequest(csr), hosts })
    this.#report('certificate-renewed', { role, id })
    return { chain, ...rest }
  }

  async #issuer(): Promise<{ folder: NodeCredentials['folder']; signer: Signer }> {
    const folder = this.#credentials?.folder
    const signer =
      folder === undefined ? undefined : (await import('@hopbine/common/pki/signer.ts')).Signer.load(folder)
    if (folder === undefined || signer === undefined) {
      throw new FsError('UNSUPPORTED', 'this namenode has no issuer: ask the one where `admin invite` ran')
    }
    return { folder, signer }
  }

  /** Sent at once: nothing of it depends on who leads. */
  #answer<Req, Res>(
    connection: ServerConnection,
    header: Header,
    method: Method<Req, Res>,
    work: Promise<Res>,
  ): void {
    work
      .then(
        response => connection.respondAtOnce(header, method.response, response),
        (error: unknown) => {
          const told = isFsError(error) ? error : new FsError('INTERNAL', (error as Error).message)
          this.#report('certificate-refused', { method: method.name, message: told.message })
          connection.fail(header, told)
        },
      )
      .finally(() => connection.flush())
  }
}
