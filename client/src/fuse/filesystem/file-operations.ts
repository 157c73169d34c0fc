/** Operations on open files: opening, reading, writing, saving and closing. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { access, create, IF_EXISTS, stat } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { FileMap } from '../../fs/file-map.ts'
import { LeasedFile } from '../../fs/leased-file.ts'
import { inodePath } from '../../fs/paths.ts'
import { OPEN_FLAG, OPEN_KILL_PRIVILEGES, WRITE_FLAG } from '../protocol/constants.ts'
import { type Entry, encodeCreate, encodeDataHeader, encodeOpen, encodeSize } from '../protocol/encode.ts'
import type { RequestHeader, RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { withoutPrivileges } from './attribute-operations.ts'
import { now } from './attributes.ts'
import type { FileHandleRow } from './handle-table.ts'
import type { Stamp } from './kernel-cache.ts'
import type { MountContext } from './mount-context.ts'
import { OpenFile } from './open-file.ts'
import { versionOf } from './page-versions.ts'
import { done, reply } from './reply.ts'

/** Bits of open(2)'s flags in Linux's numbers. */
const O_ACCESS_MODE = 3
const O_RDONLY = 0
const O_RDWR = 2
const O_EXCL = 0o200
const O_TRUNC = 0o1000
const O_APPEND = 0o2000
const O_DIRECT = 0o40000
/** The kernel's own: the file is opened to be executed. */
const FOR_EXECUTION = 0o40

const READ = 4
const WRITE = 2
const EXECUTE = 1
const MODE_BITS = 0o7777

export function openFile(context: MountContext, request: RequestOf<'open'>): Promise<Reply> {
  const inodeId = context.parts.nodes.inodeOf(request.header.nodeId)
  return whileDeclared(context, inodeId, () => openDeclared(context, request))
}

/** The namenode hears that an inode is going to be open before it is asked, so that it stays from then on. */
async function whileDeclared<T>(context: MountContext, inodeId: number, work: () => Promise<T>): Promise<T> {
  const { openInodes } = context.parts
  openInodes.open(inodeId)
  try {
    return await work()
  } finally {
    openInodes.close(inodeId)
  }
}

async function openDeclared(context: MountContext, { header, body }: RequestOf<'open'>): Promise<Reply> {
  const { flags } = body
  const stamp = context.parts.cache.stamp()
  const path = context.path(header.nodeId)
  const { status, map } = await proveAccess(context, header, path, flags)
  if (status.kind !== KIND.file) throw new PosixError('ENXIO', 'only files are opened through the mount')
  context.refresh(status)
  const row = takeHandle(context, status, flags)
  try {
    if (map !== undefined && !row.file.hasWriter) row.file.useMap(map, stamp)
    if (body.openFlags & OPEN_KILL_PRIVILEGES) await withoutPrivileges(context, header, status)
    if (flags & O_TRUNC) await row.file.truncate(0, 'through-writer')
    const caching = (await isShared(row)) ? OPEN_FLAG.directIo : cacheFlags(context, status, flags)
    const handle = context.parts.handles.add(row)
    // Reads of pages that the kernel kept are not heard of: opening the file to read it stands for them.
    const isReadFromPages = map !== undefined && (caching & OPEN_FLAG.keepCache) !== 0
    if (isReadFromPages && row.file.isAccessDue) noteRead(context, row.file)
    const message = encodeOpen(header.unique, handle, caching)
    return { parts: [message], undo: () => void dropHandle(context, handle) }
  } catch (error) {
    await letGo(context, row)
    throw error
  }
}

export async function createFile(
  context: MountContext,
  { header, body }: RequestOf<'create'>,
): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const path = context.child(header.nodeId, body.name)
  const isWritable = (body.flags & O_ACCESS_MODE) !== O_RDONLY
  const request = {
    path,
    mode: body.mode & MODE_BITS,
    umask: body.umask,
    ifExists: IF_EXISTS.fail,
    createParents: false,
    replication: 0,
    blockSize: 0,
  }
  try {
    if (isWritable) {
      const lease = await LeasedFile.create(context.provenBy(header), request, {})
      return created(context, header, { status: lease.status, stamp }, body.flags, lease)
    }
    const inline = new Uint8Array(0)
    const { status } = await context.as(header).call(create, { ...request, inline })
    return created(context, header, { status, stamp }, body.flags)
  } catch (error) {
    if (!isFsError(error, 'ALREADY_EXISTS') || body.flags & O_EXCL) throw error
    return openExisting(context, header, path, body.flags)
  }
}

async function created(
  context: MountContext,
  header: RequestHeader,
  { status, stamp }: { readonly status: WireStatus; readonly stamp: Stamp },
  flags: number,
  lease?: LeasedFile,
): Promise<Reply> {
  const row = takeHandle(context, status, flags)
  try {
    if (lease !== undefined) await row.file.adopt(lease)
  } catch (error) {
    await letGo(context, row)
    throw error
  }
  return createReply(
    context,
    header,
    context.entry(status, header.nodeId, stamp),
    row,
    // Nobody else knows of a file that was just made, but of a name that many use.
    isDirect(flags) || ((flags & O_EXCL) === 0 && (await isShared(row))) ? OPEN_FLAG.directIo : 0,
  )
}

/** Someone made the name between the kernel's look and ours: it is opened, as open(2) without O_EXCL does. */
async function openExisting(
  context: MountContext,
  header: RequestHeader,
  path: string,
  flags: number,
): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const { status } = await context.as(header).call(stat, { path, followLast: false })
  if (status.kind === KIND.symlink) throw new PosixError('ESTALE', 'the kernel looks again')
  const proven = await whileDeclared(context, status.id, () =>
    proveAccess(context, header, inodePath(status.id), flags),
  )
  const row = takeHandle(context, { ...proven.status, name: status.name }, flags)
  if (flags & O_TRUNC) await row.file.truncate(0, 'through-writer')
  const openFlags = isDirect(flags) || (await isShared(row)) ? OPEN_FLAG.directIo : 0
  return createReply(
    context,
    header,
    context.entry({ ...proven.status, name: status.name }, header.nodeId, stamp),
    row,
    openFlags,
  )
}

export function createReply(
  context: MountContext,
  header: RequestHeader,
  entry: Entry,
  row: FileHandleRow,
  openFlags: number,
): Reply {
  const handle = context.parts.handles.add(row)
  return {
    parts: [encodeCreate(header.unique, entry, handle, openFlags)],
    undo: () => {
      context.forgetEntry(entry)
      void dropHandle(context, handle)
    },
  }
}

export async function readFile(context: MountContext, { header, body }: RequestOf<'read'>): Promise<Reply> {
  const { file } = context.parts.handles.file(body.handle)
  const target = Buffer.allocUnsafe(body.size)
  const length = await file.read(target, body.offset)
  if (file.isAccessDue) noteRead(context, file)
  return { parts: [encodeDataHeader(header.unique, length), target.subarray(0, length)] }
}

export async function writeFile(context: MountContext, { header, body }: RequestOf<'write'>): Promise<Reply> {
  const { file, isAppending } = context.parts.handles.file(body.handle)
  // The message's memory is used again as soon as this function waits.
  const data = Buffer.from(body.data)
  if (body.writeFlags & WRITE_FLAG.killPrivileges) {
    const { mode, group } = file
    file.mode = (await withoutPrivileges(context, header, { mode, group, kind: KIND.file }))?.mode ?? mode
  }
  file.isAccessDue = true
  await context.writeMemory.room()
  if (isAppending) await file.append(data)
  else await file.write(data, body.offset)
  context.writeMemory.note(file)
  return reply(encodeSize(header.unique, data.length))
}

export async function flushFile(context: MountContext, { header, body }: RequestOf<'flush'>): Promise<Reply> {
  const { file, isWritable } = context.parts.handles.file(body.handle)
  await file.flush(isWritable)
  context.writeMemory.note(file)
  return done(header)
}

export async function syncFile(context: MountContext, { header, body }: RequestOf<'fsync'>): Promise<Reply> {
  const { file } = context.parts.handles.file(body.handle)
  await file.sync()
  await context.parts.leases?.sync(file.inodeId)
  return done(header)
}

export async function releaseFile(
  context: MountContext,
  { header, body }: RequestOf<'release'>,
): Promise<Reply> {
  await dropHandle(context, body.handle)
  return done(header)
}

function noteRead(context: MountContext, file: OpenFile): void {
  file.isAccessDue = false
  context.parts.accessTimes.note(file.inodeId, now())
}

/** Who may do what the flags ask for; for reading it brings along where the content is. */
async function proveAccess(
  context: MountContext,
  header: RequestHeader,
  path: string,
  flags: number,
): Promise<{ status: WireStatus; map: FileMap | undefined }> {
  const mode = flags & O_ACCESS_MODE
  if (mode === O_RDONLY && (flags & FOR_EXECUTION) === 0) {
    const map = await FileMap.open(context.provenBy(header), path, 0, {})
    return { status: map.status, map }
  }
  const wanted = flags & FOR_EXECUTION ? EXECUTE : mode === O_RDWR ? READ | WRITE : WRITE
  const { status } = await context.as(header).call(access, { path, wanted })
  return { status, map: undefined }
}

export function takeHandle(context: MountContext, status: WireStatus, flags: number): FileHandleRow {
  const { nodes, session, cache } = context.parts
  let file = nodes.node(status.id).open
  if (file === undefined) {
    file = new OpenFile(session, cache, status)
    nodes.setOpen(status.id, file)
  }
  const isWritable = (flags & O_ACCESS_MODE) !== O_RDONLY
  file.addHandle(isWritable)
  file.isAccessDue ||= context.parts.accessTimes.isDue(status, now())
  const isMappable = (flags & O_ACCESS_MODE) === O_RDWR
  const isShared = isMappable ? context.parts.locks.session.opens.open(status.id) : undefined
  return { kind: 'file', file, isWritable, isAppending: isWritable && (flags & O_APPEND) !== 0, isShared }
}

/**
 * Past the kernel's pages go O_DIRECT, and O_APPEND for writing: the end of the file is where the lease
 * says, which may be behind the end that the kernel knows.
 */
export function isDirect(flags: number): boolean {
  const isAppending = (flags & O_APPEND) !== 0 && (flags & O_ACCESS_MODE) !== O_RDONLY
  return isAppending || (flags & O_DIRECT) !== 0
}

/**
 * Two kernels have two page caches: a file that another session has open for reading and writing, too, goes
 * past this one's, which also refuses to map it shared.
 */
async function isShared(row: FileHandleRow): Promise<boolean> {
  return (await row.isShared) === true
}

/** Pages that the kernel holds stay good while the content is what it was when they were read. */
function cacheFlags(context: MountContext, status: WireStatus, flags: number): number {
  if (isDirect(flags)) return OPEN_FLAG.directIo
  const node = context.parts.nodes.node(status.id)
  const version = versionOf(status)
  const isSame = node.pages === version || node.open?.hasWriter === true
  node.pages = version
  return isSame ? OPEN_FLAG.keepCache : 0
}

async function dropHandle(context: MountContext, handle: number): Promise<void> {
  const row = context.parts.handles.file(handle)
  context.parts.handles.remove(handle)
  await letGo(context, row)
}

/**
 * A failure now can be told to nobody: close(2) had its answer at FLUSH. It is counted, and logged by the
 * mount.
 */
async function letGo(context: MountContext, { file, isWritable, isShared }: FileHandleRow): Promise<void> {
  const { nodes } = context.parts
  try {
    await file.release(isWritable)
  } catch (error) {
    context.tellLateFailure(file.inodeId, error)
  } finally {
    context.writeMemory.note(file)
    if (isShared !== undefined) context.parts.locks.session.opens.close(file.inodeId)
    if (file.handles === 0 && nodes.find(file.inodeId)?.open === file) nodes.setClosed(file.inodeId)
  }
}
