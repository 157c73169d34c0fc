/** What the two sides agree on when a mount begins. Pure. */
import {
  CAPABILITY,
  type CapabilityName,
  VERSION_MAJOR,
  VERSION_MINOR,
  VERSION_MINOR_OLDEST,
} from './constants.ts'
import type { InitAnswer } from './encode.ts'
import type { RequestBodies } from './request.ts'

/** Largest write that we take and read that we answer, in bytes, and in pages of the kernel. */
export const WRITE_BYTES_MAX = 1024 * 1024
const PAGES_MAX = 256
/**
 * Reads ahead and writes behind that the kernel may have waiting, and from where on it slows writers down.
 */
const BACKGROUND_MAX = 64
const CONGESTION_THRESHOLD = 48

const WANTED: readonly CapabilityName[] = [
  'asyncRead',
  'bigWrites',
  // A default ACL takes the place of the umask: both go to the namenode, which knows whether there is one.
  'doNotMask',
  'autoInvalidateData',
  'readdirplus',
  'readdirplusAuto',
  'asyncDirectIo',
  'parallelDirectoryOperations',
  'posixAcl',
  'posixLocks',
  'flockLocks',
  'maxPages',
  'cacheSymlinks',
  'handleKillPrivileges2',
  'initExtended',
]

export type Negotiated =
  | { readonly kind: 'agreed'; readonly answer: InitAnswer; readonly has: ReadonlySet<CapabilityName> }
  /** The kernel will ask again in our major version. */
  | { readonly kind: 'other-major'; readonly answer: InitAnswer }
  | { readonly kind: 'refused'; readonly reason: string }

/** `also` names capabilities that this mount wants besides those of every mount. */
export function negotiate(init: RequestBodies['init'], also: readonly CapabilityName[] = []): Negotiated {
  const base = {
    minor: Math.min(init.minor, VERSION_MINOR),
    readAheadBytes: Math.max(init.readAheadBytes, WRITE_BYTES_MAX),
    backgroundMax: BACKGROUND_MAX,
    congestionThreshold: CONGESTION_THRESHOLD,
    writeBytesMax: WRITE_BYTES_MAX,
    pagesMax: PAGES_MAX,
  }
  if (init.major > VERSION_MAJOR) {
    return { kind: 'other-major', answer: { ...base, minor: VERSION_MINOR, flags: [0, 0] } }
  }
  if (init.major < VERSION_MAJOR || init.minor < VERSION_MINOR_OLDEST) {
    const offered = `${init.major}.${init.minor}`
    const oldest = `${VERSION_MAJOR}.${VERSION_MINOR_OLDEST}`
    return {
      kind: 'refused',
      reason: `the kernel speaks FUSE ${offered}, and ${oldest} (Linux 5.4) is needed`,
    }
  }
  const has = new Set([...WANTED, ...also].filter(name => isOffered(init.flags, CAPABILITY[name])))
  const flags: [number, number] = [0, 0]
  for (const name of has) {
    const bit = CAPABILITY[name]
    flags[bit < 32 ? 0 : 1] = ((flags[bit < 32 ? 0 : 1] as number) | (1 << (bit % 32))) >>> 0
  }
  return { kind: 'agreed', answer: { ...base, flags }, has }
}

function isOffered(flags: readonly [number, number], bit: number): boolean {
  return (((bit < 32 ? flags[0] : flags[1]) >>> (bit % 32)) & 1) === 1
}
