/**
 * Invitations to join a cluster: a file per token beside the issuer's key, named by the digest of its secret.
 * They lie here and not in the log of the metadata because who may sign is who has this key: the state of a
 * token must neither come back with a restored backup of the metadata nor be where nobody can sign.
 *
 * A token is used up by one public key. The certificate is made first and appears, whole and durable, under
 * the name that marks the token as used; giving a file its name happens once, whichever process tries. So a
 * process that is killed before leaves the token unused, and one that is killed after, unanswered, has bound
 * it to the key that asked, which gets the same certificate when it asks again. Nobody else gets one.
 */
import { createHash, randomBytes, timingSafeEqual, X509Certificate } from 'node:crypto'
import { linkSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { FsError } from '../base/errors.ts'
import { publicKeyInRequest } from './authority.ts'
import type { NodeRole } from './peer-name.ts'
import { fingerprintOf } from './pem.ts'
import { type PkiFolder, readIfThere, syncFolder, writeSynced, writeWhole } from './pki-folder.ts'
import type { Signer } from './signer.ts'
import { digestOf, SECRET_BYTES, tokenText } from './token.ts'

export interface Invitation {
  readonly role: NodeRole
  readonly id: string
  /** Milliseconds since 1970. */
  readonly expiresMs: number
}

export interface JoinRequest {
  readonly secret: Uint8Array
  /** DER of the certificate request. */
  readonly csr: Uint8Array
  readonly hosts: readonly string[]
}

interface Used {
  /** SHA-256 of the public key that got the certificate, in hexadecimal digits. */
  readonly publicKey: string
  readonly chain: string
}

export const INVITATION_MS = 3600 * 1000
/** So long after its end a token is still known as one that has expired, in milliseconds. */
const REMEMBERED_MS = 7 * 24 * 3600 * 1000

/** Answers the token; only its digest is kept. */
export function invite(folder: PkiFolder, signer: Signer, invitation: Invitation): string {
  mkdirSync(folder.invitationsFolder, { recursive: true, mode: 0o700 })
  forgetOld(folder)
  const secret = randomBytes(SECRET_BYTES)
  writeWhole(invitationFile(folder, secret), `${JSON.stringify(invitation)}\n`)
  return tokenText({ secret, fingerprint: fingerprintOf(new X509Certificate(signer.roots)) })
}

/**
 * Answers the certificate and those above it. Throws UNAUTHENTICATED with `details.reason` for a token that
 * is wrong, used or expired, and INVALID_ARGUMENT for a request that is none; the token stays unused then.
 */
export async function redeem(
  folder: PkiFolder,
  signer: Signer,
  request: JoinRequest,
  nowMs = Date.now(),
): Promise<string> {
  const { secret, csr, hosts } = request
  const text = readIfThere(invitationFile(folder, secret))
  if (text === undefined) throw refusal('token-unknown', 'the token is none of this cluster')
  const { role, id, expiresMs } = JSON.parse(text) as Invitation
  const usedFile = `${invitationFile(folder, secret)}.used`
  const isUsed = readIfThere(usedFile) !== undefined
  if (!isUsed && nowMs > expiresMs) {
    const when = new Date(expiresMs).toISOString()
    throw refusal('token-expired', `the token expired at ${when}: ask for a new invitation`)
  }
  const publicKey = await publicKeyInRequest(csr)
  if (!isUsed) {
    const chain = await signer.sign({ role, id, publicKey, hosts })
    claim(folder, usedFile, { publicKey: hashOf(publicKey), chain })
  }
  const used = JSON.parse(readIfThere(usedFile) ?? '') as Used
  if (timingSafeEqual(Buffer.from(used.publicKey), Buffer.from(hashOf(publicKey)))) return used.chain
  throw refusal('token-used', 'the token was used already: ask for a new invitation')
}

/** Whoever comes second changes nothing. */
function claim(folder: PkiFolder, usedFile: string, used: Used): void {
  const temporary = `${usedFile}.${process.pid}.${randomBytes(6).toString('hex')}.tmp`
  writeSynced(temporary, `${JSON.stringify(used)}\n`)
  try {
    linkSync(temporary, usedFile)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
  } finally {
    rmSync(temporary)
    syncFolder(folder.invitationsFolder)
  }
}

function invitationFile(folder: PkiFolder, secret: Uint8Array): string {
  return join(folder.invitationsFolder, `${digestOf(secret)}.json`)
}

function hashOf(publicKey: Uint8Array): string {
  return createHash('sha256').update(publicKey).digest('hex')
}

function forgetOld(folder: PkiFolder): void {
  const names = readdirSync(folder.invitationsFolder)
  for (const name of names.filter(each => each.endsWith('.json'))) {
    const path = join(folder.invitationsFolder, name)
    const { expiresMs } = JSON.parse(readIfThere(path) ?? '{}') as Partial<Invitation>
    if (expiresMs === undefined || Date.now() < expiresMs + REMEMBERED_MS) continue
    rmSync(path)
    // Last: a token without its invitation is unknown, with it or not.
    for (const left of names.filter(each => each.startsWith(`${name}.`))) {
      rmSync(join(folder.invitationsFolder, left), { force: true })
    }
  }
}

function refusal(reason: string, sentence: string): FsError {
  return new FsError('UNAUTHENTICATED', sentence, { reason })
}
