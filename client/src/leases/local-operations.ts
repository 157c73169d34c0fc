/** Which calls a mount answers by itself where it can. */
import type { FsError } from '@hopbine/common/base/errors.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { Detour } from './detour.ts'
import { localChmod, localChown, localUtimes } from './local-attributes.ts'
import {
  localAbandon,
  localAddBlock,
  localAppend,
  localComplete,
  localOpen,
  localTruncate,
} from './local-content.ts'
import { localCreate, localLink, localMkdir, localMknod, localRemove, localSymlink } from './local-names.ts'
import {
  localAccess,
  localGetXattr,
  localList,
  localListXattrs,
  localReadlink,
  localStat,
} from './local-reads.ts'
import { localRename } from './local-rename.ts'
import type { LocalCaller, LocalState } from './local-state.ts'

/** Answers a call from what this mount knows, or says why not. Throws what it fails with, or answers that. */
export type Local<Req = never, Res = unknown> = (
  state: LocalState,
  request: Req,
  caller: LocalCaller,
) => Res | FsError | Detour

/** By the number of the method. */
export const LOCAL: ReadonlyMap<number, Local> = new Map<number, Local>([
  [metadata.stat.id, localStat],
  [metadata.access.id, localAccess],
  [metadata.list_.id, localList],
  [metadata.readlink.id, localReadlink],
  [metadata.getXattr.id, localGetXattr],
  [metadata.listXattrs.id, localListXattrs],
  [metadata.mkdir.id, localMkdir],
  [metadata.create.id, localCreate],
  [metadata.symlink.id, localSymlink],
  [metadata.mknod.id, localMknod],
  [metadata.link.id, localLink],
  [metadata.remove.id, localRemove],
  [metadata.rename.id, localRename],
  [metadata.chmod.id, localChmod],
  [metadata.chown.id, localChown],
  [metadata.utimes.id, localUtimes],
  [metadata.open.id, localOpen],
  [metadata.append.id, localAppend],
  [metadata.truncate.id, localTruncate],
  [metadata.complete.id, localComplete],
  [metadata.abandon.id, localAbandon],
  [metadata.addBlock.id, localAddBlock],
  [metadata.commitExtents.id, localAddBlock],
  [metadata.punch.id, localAddBlock],
])
