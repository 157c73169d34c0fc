/**
 * The token of an invitation: one word with a secret, which the authority knows by its digest only, and the
 * fingerprint of the root, by which whoever joins knows that it speaks to the right cluster before it says
 * anything.
 */
import { createHash } from 'node:crypto'
import { FsError } from '../base/errors.ts'

export interface Token {
  readonly secret: Buffer
  /** SHA-256 of the root's certificate. */
  readonly fingerprint: Buffer
}

export const SECRET_BYTES = 16
const FINGERPRINT_BYTES = 32

/** 64 characters that need no quotes anywhere. */
export function tokenText({ secret, fingerprint }: Token): string {
  return Buffer.concat([secret, fingerprint]).toString('base64url')
}

/** Throws INVALID_ARGUMENT for what is no token. */
export function parseToken(text: string): Token {
  const bytes = Buffer.from(text, 'base64url')
  if (bytes.length !== SECRET_BYTES + FINGERPRINT_BYTES || bytes.toString('base64url') !== text) {
    throw new FsError('INVALID_ARGUMENT', 'this is no token of `hopbine admin invite`: it has 64 characters')
  }
  return { secret: bytes.subarray(0, SECRET_BYTES), fingerprint: bytes.subarray(SECRET_BYTES) }
}

/** What is kept of a secret. */
export function digestOf(secret: Uint8Array): string {
  return createHash('sha256').update(secret).digest('hex')
}
