/** The table of operations. A line here is what makes a method real. */
import { abandon } from './abandon.ts'
import { access } from './access.ts'
import { acquireDirectory } from './acquire-directory.ts'
import { addBlock } from './add-block.ts'
import { append } from './append.ts'
import { applyQueue } from './apply-queue.ts'
import { beginRewrite } from './begin-rewrite.ts'
import { chmod } from './chmod.ts'
import { chown } from './chown.ts'
import { closeQueue } from './close-queue.ts'
import { commitExtents } from './commit-extents.ts'
import { complete } from './complete.ts'
import { confirmTombstones } from './confirm-tombstones.ts'
import { contentSummary } from './content-summary.ts'
import { create } from './create.ts'
import { createUnnamed } from './create-unnamed.ts'
import { endSession } from './end-session.ts'
import { finishRewrite } from './finish-rewrite.ts'
import { fsck } from './fsck.ts'
import { getAcl } from './get-acl.ts'
import { getXattr } from './get-xattr.ts'
import { closeSession, expireSessions, noop, passOrphans, reclaim } from './internal.ts'
import { link } from './link.ts'
import { list } from './list.ts'
import { listBlocks } from './list-blocks.ts'
import { listXattrs } from './list-xattrs.ts'
import { liveBlocks } from './live-blocks.ts'
import { mkdir } from './mkdir.ts'
import { mkdirs } from './mkdirs.ts'
import { mknod } from './mknod.ts'
import { noteAccess } from './note-access.ts'
import { noteSoftState } from './note-soft-state.ts'
import { open } from './open.ts'
import { openQueue } from './open-queue.ts'
import type { ReadOperation, WriteOperation } from './operation.ts'
import { punch } from './punch.ts'
import { readSmallFiles } from './read-small-files.ts'
import { readlink } from './readlink.ts'
import { recoverLease } from './recover-lease.ts'
import { registerDatanode } from './register-datanode.ts'
import { releaseOrphans } from './release-orphans.ts'
import { remove } from './remove.ts'
import { removeXattr } from './remove-xattr.ts'
import { rename } from './rename.ts'
import { revokeQueue } from './revoke-queue.ts'
import { setAcl } from './set-acl.ts'
import { setQuota } from './set-quota.ts'
import { setReplication } from './set-replication.ts'
import { setXattr } from './set-xattr.ts'
import { sparseBlocks } from './sparse-blocks.ts'
import { stat } from './stat.ts'
import { statfs } from './statfs.ts'
import { symlink } from './symlink.ts'
import { truncate } from './truncate.ts'
import { utimes } from './utimes.ts'

/** Writes that clients may ask for. */
const WRITES: readonly WriteOperation[] = [
  mkdir,
  mkdirs,
  create,
  append,
  addBlock,
  commitExtents,
  complete,
  abandon,
  truncate,
  rename,
  remove,
  symlink,
  mknod,
  link,
  createUnnamed,
  releaseOrphans,
  punch,
  setXattr,
  removeXattr,
  setAcl,
  endSession,
  chmod,
  chown,
  utimes,
  noteAccess,
  setReplication,
  setQuota,
  recoverLease,
  registerDatanode,
  confirmTombstones,
  beginRewrite,
  finishRewrite,
  fsck,
  openQueue,
  acquireDirectory,
  applyQueue,
  closeQueue,
]

/** Writes that only the leader itself proposes. */
const INTERNAL: readonly WriteOperation[] = [
  noop,
  reclaim,
  closeSession,
  expireSessions,
  passOrphans,
  revokeQueue,
  noteSoftState,
]

const READS: readonly ReadOperation[] = [
  open,
  stat,
  access,
  getXattr,
  listXattrs,
  getAcl,
  statfs,
  list,
  readlink,
  contentSummary,
  liveBlocks,
  listBlocks,
  sparseBlocks,
  readSmallFiles,
]

const byId = <O extends { readonly method: { readonly id: number } }>(rows: readonly O[]) =>
  new Map(rows.map(row => [row.method.id, row]))

export const WRITE_OPERATIONS: ReadonlyMap<number, WriteOperation> = byId(WRITES)
export const READ_OPERATIONS: ReadonlyMap<number, ReadOperation> = byId(READS)
/** Everything that a log may hold. */
export const LOGGED_OPERATIONS: ReadonlyMap<number, WriteOperation> = byId([...WRITES, ...INTERNAL])
