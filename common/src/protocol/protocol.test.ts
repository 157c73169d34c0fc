import { createHash } from 'node:crypto'
import t from 'tap'
import { CACHE_INTEREST_METHODS, invalidations } from './cache-interest.ts'
import { CERTIFICATE_METHODS } from './certificates.ts'
import { CLUSTER_METHODS } from './cluster.ts'
import { DIRECTORY_LEASE_METHODS, recall } from './directory-leases.ts'
import { LOCK_METHODS, lockRecall } from './locks.ts'
import { METADATA_METHODS } from './metadata.ts'
import type { Method } from './method.ts'
import { OPEN_INODE_METHODS } from './open-inodes.ts'
import { RAFT_METHODS } from './raft.ts'
import { addPrincipal, hello, PUSH, ping } from './session.ts'
import { failure } from './types.ts'
import { PROTOCOL_VERSION } from './version.ts'

const METHODS: readonly Method<unknown, unknown>[] = [
  hello as Method<unknown, unknown>,
  addPrincipal as Method<unknown, unknown>,
  ping as Method<unknown, unknown>,
  ...METADATA_METHODS,
  ...CLUSTER_METHODS,
  ...DIRECTORY_LEASE_METHODS,
  ...CACHE_INTEREST_METHODS,
  ...OPEN_INODE_METHODS,
  ...LOCK_METHODS,
  ...RAFT_METHODS,
  ...CERTIFICATE_METHODS,
]

/** Every message that this version writes; see the sentence below before you change a line. */
const KNOWN: Record<string, string> = {
  hello: '315577230ca0',
  addPrincipal: 'e7760fec110f',
  ping: '174b55b0dcf8',
  mkdir: 'ef7ce8502150',
  mkdirs: 'a5701b5f76ab',
  create: 'e53f96855c87',
  append: 'd99d29e04fe9',
  addBlock: '82da116f2a7b',
  commitExtents: 'a494dee6cc37',
  complete: '26c71a689a9f',
  abandon: '2cb46a0caeb1',
  truncate: '7687dcab668e',
  open: 'd772afaf58f4',
  stat: '27cb5123fbff',
  statfs: 'f65a076a004c',
  list: '3016d129a5ec',
  rename: 'e6e3441c9173',
  remove: '27a8c6be12a7',
  symlink: '608b94fc59ab',
  readlink: '1b8fdd4b3e29',
  chmod: '3f4376171899',
  chown: 'ce24fa5561fe',
  utimes: 'cf0f6f6bea9f',
  noteAccess: '302ea2aa2488',
  setReplication: 'ffa894ba5904',
  contentSummary: 'd18031a2a8ed',
  setQuota: '3a2aabd27ca9',
  renewLease: 'e20573f84f3d',
  recoverLease: '7b0e32363586',
  changes: 'af34a7fd003e',
  access: '0b6cef6beaed',
  mknod: '04a0c140aa3f',
  link: 'c87586e9a1cd',
  createUnnamed: 'd979dad4c480',
  releaseOrphans: 'a32668e297b2',
  punch: 'c021307c5973',
  setXattr: 'eb7ea384996d',
  getXattr: '7b7fa30c4282',
  listXattrs: 'f365a18e9fba',
  removeXattr: 'bd004139336c',
  endSession: 'c3145e351ae6',
  setAcl: '2dacf907a9c4',
  getAcl: '2be94a59fe4a',
  registerDatanode: 'abf6c82d9406',
  heartbeat: 'b6745c3326a2',
  confirmTombstones: 'a9fefd9784ba',
  liveBlocks: 'ae6b492ef331',
  status: '508050d6b100',
  fsck: '07b1febbe835',
  listBlocks: 'f79395f01ca3',
  backupBegin: 'f6904e271c61',
  backupRead: '469d74edaad3',
  backupEnd: '6aa03a55dfe1',
  adminCapability: '0801810cb47a',
  beginRewrite: '415479e6607d',
  finishRewrite: '6dc0fa0fad17',
  sparseBlocks: '89d24b89c04a',
  openQueue: 'b2cf94063c37',
  acquireDirectory: '08d5c1f06660',
  applyQueue: '287ffcca523f',
  closeQueue: '00763aa52eac',
  attachQueue: 'c1f1a09cf61f',
  releaseDirectory: 'e632bdbf6802',
  writeInline: '501a56bbdb2a',
  readSmallFiles: 'c266a935d1b1',
  declareOpenInodes: 'a00932edd266',
  declareCaching: '20f761895d58',
  acknowledgeInvalidations: '06f9ba04697a',
  openLocks: '8fa2e8e76e92',
  lock: 'f2430a87ec25',
  unlock: '5b2e9bf15901',
  testLock: '0c3f8976de08',
  cancelLock: '056a0ff2b229',
  returnLocks: '76a920a72812',
  restoreLocks: '37a1c5d39344',
  renewLocks: '41042f1033e0',
  closeLocks: 'bf9f4c995711',
  declareOpens: 'acb11a2f485d',
  tellMember: '9481409dc09a',
  groupStatus: 'f57b8f435b6a',
  transferLeadership: '92ef6b8a8ca9',
  joinCluster: 'bfdd76443126',
  renewCertificate: 'fa25ee995595',
}
const KNOWN_RECORDS: Record<string, string> = {
  lockRecall: '58bbf59ff1c8',
  failure: '8adb5c5bd960',
  invalidations: '39c4fc05d9bd',
  recall: '320d24f9e4c8',
}

const ADVICE =
  'A message of the protocol changed. Fields are only ever appended at the end of a record, and ids and ' +
  'names are never reused: an older peer must still understand what this one writes. If that holds, note ' +
  'the change in common/src/protocol/version.ts and put the new digest here.'

const digest = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 12)

t.test('no method changed silently', async t => {
  const found = METHODS.map(({ id, name, kind, since, request, response }) => [
    name,
    digest(JSON.stringify([id, name, kind, since, request.shape, response.shape])),
  ])
  t.same(Object.fromEntries(found), KNOWN, ADVICE)
})

t.test('no other record changed silently', async t => {
  const records = { failure, invalidations, recall, lockRecall }
  const found = Object.entries(records).map(([name, { shape }]) => [name, digest(shape)])
  t.same(Object.fromEntries(found), KNOWN_RECORDS, ADVICE)
})

t.test('ids and names are given once', async t => {
  t.equal(new Set(METHODS.map(method => method.id)).size, METHODS.length)
  t.equal(new Set(METHODS.map(method => method.name)).size, METHODS.length)
  t.equal(new Set(Object.values(PUSH)).size, Object.keys(PUSH).length)
  for (const { id, name } of METHODS) t.ok(id > 0 && id < 65_536 && Number.isInteger(id), name)
})

t.test('no method is newer than the protocol', async t => {
  for (const { since, name } of METHODS) t.ok(since >= 1 && since <= PROTOCOL_VERSION, name)
})
