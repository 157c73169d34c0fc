/** How a node comes by its certificate, and keeps it: answered by namenodes that have an issuer's key. */
import { bytes, list, optional, record, text } from '../wire/codec.ts'
import { type Method, method } from './method.ts'

/**
 * Asks for the first certificate of a node, with a token. The one method that may be called without hello,
 * over TLS and without a certificate. UNAUTHENTICATED, with `reason` token-unknown, token-used or
 * token-expired; UNSUPPORTED where there is no issuer. Asked again with the same key it gives the same
 * answer.
 */
export const joinCluster = method(
  140,
  'joinCluster',
  'session',
  1,
  record({
    /** Secret part of the token. */
    secret: bytes,
    /** Certificate request (PKCS #10) as DER; only its key is taken from it. */
    csr: bytes,
    /** Names and addresses by which the node is reached. */
    hosts: list(text),
  }),
  /** PEM: the certificate and those above it; and the roots to trust. */
  record({ chain: text, roots: text }),
)

/**
 * Asks for a new certificate for the node that calls, which proves itself by the one that it has, and for
 * what has changed in whom to trust. Needs TLS with a certificate; UNSUPPORTED where there is no issuer.
 */
export const renewCertificate = method(
  141,
  'renewCertificate',
  'session',
  1,
  record({
    /** As in `joinCluster`; absent: only the rest is asked for. */
    csr: optional(bytes),
    hosts: list(text),
  }),
  record({
    /** Empty if none was asked for. */
    chain: text,
    roots: text,
    /** PEM: the list of revoked certificates; empty if there is none. */
    revoked: text,
  }),
)

export const CERTIFICATE_METHODS: readonly Method<unknown, unknown>[] = [joinCluster, renewCertificate]
