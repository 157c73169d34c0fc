/**
 * A certificate authority: a root, which only makes issuers and may be kept away from everything that runs,
 * and issuers, which make all other certificates while the cluster runs. ECDSA on P-256 throughout. It works
 * on values in memory; where keys lie is not its affair. Loading this costs tens of milliseconds: import it
 * where something is signed.
 */
import 'reflect-metadata'
import { createPrivateKey, createPublicKey, generateKeyPairSync, randomBytes, webcrypto } from 'node:crypto'
import { isIP } from 'node:net'
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type Extension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  Pkcs10CertificateRequest,
  Pkcs10CertificateRequestGenerator,
  SubjectAlternativeNameExtension,
  SubjectKeyIdentifierExtension,
  X509Certificate,
  X509CertificateGenerator,
  X509CrlGenerator,
} from '@peculiar/x509'
import { FsError } from '../base/errors.ts'
import { pemOf } from './pem.ts'

/** A private key and the certificate of its public key, both as PEM. */
export interface KeyAndCertificate {
  readonly keyPem: string
  readonly certificatePem: string
}

/** From when until when a certificate is good. */
export interface Validity {
  readonly notBefore: Date
  readonly notAfter: Date
}

/** What a certificate shall say of its owner. */
export interface Leaf {
  /** DER of the subject's public key (SPKI); nobody but the owner has the private one. */
  readonly publicKey: Uint8Array
  readonly commonName: string
  readonly uri: string
  /** DNS names and IP addresses, for tools that compare them with what they connected to. */
  readonly hosts: readonly string[]
  readonly usages: readonly ('client' | 'server')[]
  readonly validity: Validity
}

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' } as const
const DAY_MS = 24 * 3600 * 1000
export const ROOT_DAYS = 20 * 365
export const ISSUER_DAYS = 10 * 365
/** Clocks of a cluster's machines may differ by so much, in milliseconds. */
const CLOCK_DIFFERENCE_MS = 5 * 60 * 1000

/** From shortly before `nowMs`, so that a machine whose clock is behind takes it at once. */
export function validFor(ms: number, nowMs = Date.now()): Validity {
  return { notBefore: new Date(nowMs - CLOCK_DIFFERENCE_MS), notAfter: new Date(nowMs + ms) }
}

/** A root of a new cluster; the URI names it. */
export async function makeRoot(commonName: string, uri: string): Promise<KeyAndCertificate> {
  const { keyPem, publicKey } = makeKey()
  const extensions = await authorityExtensions(publicKey, uri, 1)
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [commonName] }],
    issuer: [{ CN: [commonName] }],
    ...validFor(ROOT_DAYS * DAY_MS),
    publicKey: await verifyingKey(publicKey),
    signingKey: await signingKey(keyPem),
    signingAlgorithm: ALGORITHM,
    extensions,
  })
  return { keyPem, certificatePem: pemOf(certificate.rawData, 'CERTIFICATE') }
}

/** An issuer below the root; the root's key is not needed again until there shall be another one. */
export async function makeIssuer(
  root: KeyAndCertificate,
  commonName: string,
  uri: string,
): Promise<KeyAndCertificate> {
  const { keyPem, publicKey } = makeKey()
  const certificate = await signed(root, {
    commonName,
    publicKey,
    validity: validFor(ISSUER_DAYS * DAY_MS),
    extensions: await authorityExtensions(publicKey, uri, 0),
  })
  return { keyPem, certificatePem: certificate }
}

/** A certificate as PEM. It never outlives its issuer. */
export async function issue(issuer: KeyAndCertificate, leaf: Leaf): Promise<string> {
  const usages = leaf.usages.map(usage =>
    usage === 'client' ? ExtendedKeyUsage.clientAuth : ExtendedKeyUsage.serverAuth,
  )
  const names: JsonGeneralName[] = [{ type: 'url', value: leaf.uri }]
  for (const host of leaf.hosts) names.push({ type: isIP(host) > 0 ? 'ip' : 'dns', value: host })
  return signed(issuer, {
    commonName: leaf.commonName,
    publicKey: leaf.publicKey,
    validity: leaf.validity,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension(usages),
      new SubjectAlternativeNameExtension(names),
      await SubjectKeyIdentifierExtension.create(await verifyingKey(leaf.publicKey)),
    ],
  })
}

/** A list of revoked certificates by their serial numbers in hexadecimal digits, as PEM. */
export async function makeRevocationList(
  issuer: KeyAndCertificate,
  revoked: readonly { readonly serialNumber: string; readonly date: Date }[],
): Promise<string> {
  const { subjectName } = new X509Certificate(issuer.certificatePem)
  const list = await X509CrlGenerator.create({
    issuer: subjectName.toString(),
    thisUpdate: new Date(),
    nextUpdate: new Date(Date.now() + ISSUER_DAYS * DAY_MS),
    entries: revoked.map(({ serialNumber, date }) => ({ serialNumber, revocationDate: date })),
    signingAlgorithm: ALGORITHM,
    signingKey: await signingKey(issuer.keyPem),
  })
  return pemOf(list.rawData, 'X509 CRL')
}

/** The request for a certificate of a private key, as DER; the key stays with the caller. */
export async function makeRequest(keyPem: string, commonName: string): Promise<Buffer> {
  const privateKey = await signingKey(keyPem)
  const publicKey = await verifyingKey(publicKeyOf(keyPem))
  const request = await Pkcs10CertificateRequestGenerator.create({
    name: [{ CN: [commonName] }],
    keys: { privateKey, publicKey },
    signingAlgorithm: ALGORITHM,
  })
  return Buffer.from(request.rawData)
}

/**
 * The public key (SPKI) of a request, whose signature proves that the sender has the private one. Throws
 * INVALID_ARGUMENT for anything else than a request for a key of ours.
 */
export async function publicKeyInRequest(der: Uint8Array): Promise<Buffer> {
  try {
    const request = new Pkcs10CertificateRequest(Buffer.from(der))
    const publicKey = Buffer.from(request.publicKey.rawData)
    // Also refuses a key of another kind or curve.
    await verifyingKey(publicKey)
    if (await request.verify()) return publicKey
  } catch (error) {
    throw new FsError('INVALID_ARGUMENT', 'this is no certificate request', {}, { cause: error })
  }
  throw new FsError('INVALID_ARGUMENT', 'the certificate request is not signed with its own key')
}

export function makeKey(): { keyPem: string; publicKey: Buffer } {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return {
    keyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    publicKey: publicKey.export({ type: 'spki', format: 'der' }),
  }
}

/** DER of the public key that belongs to a private one. */
export function publicKeyOf(keyPem: string): Buffer {
  return createPublicKey(keyPem).export({ type: 'spki', format: 'der' })
}

interface Contents {
  readonly commonName: string
  readonly publicKey: Uint8Array
  readonly validity: Validity
  readonly extensions: readonly Extension[]
}

async function signed(issuer: KeyAndCertificate, contents: Contents): Promise<string> {
  const own = new X509Certificate(issuer.certificatePem)
  const { notBefore, notAfter } = contents.validity
  const certificate = await X509CertificateGenerator.create({
    serialNumber: serialNumber(),
    subject: [{ CN: [contents.commonName] }],
    issuer: own.subjectName.toString(),
    notBefore: later(notBefore, own.notBefore),
    notAfter: earlier(notAfter, own.notAfter),
    publicKey: await verifyingKey(contents.publicKey),
    signingKey: await signingKey(issuer.keyPem),
    signingAlgorithm: ALGORITHM,
    extensions: [...contents.extensions, await AuthorityKeyIdentifierExtension.create(own)],
  })
  return pemOf(certificate.rawData, 'CERTIFICATE')
}

async function authorityExtensions(publicKey: Uint8Array, uri: string, below: number): Promise<Extension[]> {
  return [
    new SubjectAlternativeNameExtension([{ type: 'url', value: uri }]),
    new BasicConstraintsExtension(true, below, true),
    new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    await SubjectKeyIdentifierExtension.create(await verifyingKey(publicKey)),
  ]
}

/** Positive, of 16 bytes, and never drawn twice. */
function serialNumber(): string {
  const bytes = randomBytes(16)
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40
  return bytes.toString('hex')
}

const later = (a: Date, b: Date): Date => (a > b ? a : b)
const earlier = (a: Date, b: Date): Date => (a < b ? a : b)

function signingKey(keyPem: string): Promise<webcrypto.CryptoKey> {
  const der = createPrivateKey(keyPem).export({ type: 'pkcs8', format: 'der' })
  return webcrypto.subtle.importKey('pkcs8', der, ALGORITHM, false, ['sign'])
}

function verifyingKey(publicKey: Uint8Array): Promise<webcrypto.CryptoKey> {
  return webcrypto.subtle.importKey('spki', publicKey, ALGORITHM, true, ['verify'])
}
