/**
 * Where a home keeps what belongs to its certificates, and writing there: whole or not at all, durable, and
 * for nobody else to read. A node has the first two; the home of an authority has all of them.
 *
 *   ca.pem           certificates of the roots that are trusted
 *   node.pem         private key of this node, its certificate, and those above it up to the root
 *   joined.json      where the certificate came from, to renew it there; absent beside an issuer
 *   joining-key.pem  private key whose certificate was asked for and has not come yet
 *   root-key.pem     private key of the root: keep it away from here, nothing that runs needs it
 *   issuer.pem       private key of the issuer and its certificate: the part that must be online
 *   issued.jsonl     a line per certificate: who got which number, until when
 *   revoked.pem      the list of revoked certificates, signed by the issuer
 *   invitations/     the digest of each token that was given out, and what was made of it
 */
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { FsError } from '../base/errors.ts'

export interface PkiFolder {
  readonly path: string
  readonly caFile: string
  readonly nodeFile: string
  readonly joinedFile: string
  readonly joiningKeyFile: string
  readonly rootKeyFile: string
  readonly issuerFile: string
  readonly issuedFile: string
  readonly revokedFile: string
  readonly invitationsFolder: string
}

export function pkiFolder(path: string): PkiFolder {
  return {
    path,
    caFile: join(path, 'ca.pem'),
    nodeFile: join(path, 'node.pem'),
    joinedFile: join(path, 'joined.json'),
    joiningKeyFile: join(path, 'joining-key.pem'),
    rootKeyFile: join(path, 'root-key.pem'),
    issuerFile: join(path, 'issuer.pem'),
    issuedFile: join(path, 'issued.jsonl'),
    revokedFile: join(path, 'revoked.pem'),
    invitationsFolder: join(path, 'invitations'),
  }
}

/** Makes a folder of mode 0700, or checks that one is closed to others. Throws ACCESS_DENIED. */
export function makePrivateFolder(path: string): void {
  mkdirSync(path, { recursive: true, mode: 0o700 })
  const { mode, uid } = lstatSync(path)
  if ((mode & 0o077) === 0 && uid === (process.getuid?.() ?? uid)) return
  throw new FsError('ACCESS_DENIED', `${path} must be yours and closed to others: chmod 700 ${path}`)
}

/** Undefined where nothing is. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** Reads a file with a private key. Throws ACCESS_DENIED where others may read it too. */
export function readSecret(path: string): string {
  const { mode } = lstatSync(path)
  if ((mode & 0o077) !== 0) {
    throw new FsError('ACCESS_DENIED', `${path} holds a private key that others may read: chmod 600 ${path}`)
  }
  return readFileSync(path, 'utf8')
}

/** Readers see the old content or the new one, also after a crash. */
export function writeWhole(path: string, text: string, mode = 0o600): void {
  writeSynced(`${path}.${process.pid}.tmp`, text, mode)
  renameSync(`${path}.${process.pid}.tmp`, path)
  syncFolder(dirname(path))
}

export function writeSynced(path: string, text: string, mode = 0o600): void {
  const file = openSync(path, 'w', mode)
  try {
    writeSync(file, text)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Makes names that were added, replaced or removed in a folder durable. */
export function syncFolder(path: string): void {
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
