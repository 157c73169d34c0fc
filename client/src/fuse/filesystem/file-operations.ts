/** Operations on open files: opening, reading, writing, saving and closing. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { access, create, IF_EXISTS, stat } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, MODE_BITS, READ, SET_GID, SET_UID, WRITE } from '@hopbine/common/rules/permission.ts'
import { FileMap } from '../../fs/file-map.ts'
import { LeasedFile } from '../../fs/leased-file.ts'
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
import { after, done, reply } from './reply.ts'

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

const SET_IDS = SET_UID | SET_GID

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
    const message = encodeOpen(header.unique, handle, caching | closingFlags(context, row))
    return { parts: [message], undo: () => void dropHandle(context, handle) }
  } catch (error) {
    await letGo(context, row)
    throw error
  }
}

export function createFile(
  context: MountContext,
  { header, body }: RequestOf<'create'>,
): Reply | Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const path = context.child(header.nodeId, body.name)
  const request = {
    path,
    mode: body.mode & MODE_BITS,
    umask: body.umask,
    ifExists: IF_EXISTS.fail,
    createParents: false,
    replication: 0,
    blockSize: 0,
    stays: true,
  }
  const { flags } = body
  const missed = (error: unknown): Promise<Reply> => {
    if (!isFsError(error, 'ALREADY_EXISTS') || flags & O_EXCL) throw error
    return openExisting(context, header, path, flags)
  }
  if ((flags & O_ACCESS_MODE) === O_RDONLY) {
    const whole = { ...request, inline: new Uint8Array(0) }
    const made = context.as(header).call(create, whole)
    return made.then(({ status }) => created(context, header, { status, stamp }, flags), missed)
  }
  let known: { readonly status: WireStatus } | undefined
  try {
    known = context.as(header).tryLocal?.(create, request)
  } catch (error) {
    return missed(error)
  }
  if (known !== undefined) return createdHere(context, header, { status: known.status, stamp }, flags)
  return LeasedFile.create(context.provenBy(header), request, {}).then(
    lease => created(context, header, { status: lease.status, stamp }, flags, lease),
    missed,
  )
}

/** Nobody else knows of the file, and who asks for its directory waits for us. */
function createdHere(
  context: MountContext,
  header: RequestHeader,
  { status, stamp }: { readonly status: WireStatus; readonly stamp: Stamp },
  flags: number,
): Reply {
  const row = takeHandle(context, status, flags, true)
  row.file.adoptNew(LeasedFile.taken(context.parts.session, status))
  const entry = context.entry(status, header.nodeId, stamp)
  return createReply(context, header, entry, row, isDirect(flags) ? OPEN_FLAG.directIo : 0)
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
  const { buffers } = context.parts.session.blocks
  const memory = buffers.take(body.size)
  // After a failure bytes may still be landing in the memory: it is left to the garbage collector then.
  const length = await file.read(memory.subarray(0, body.size), body.offset)
  if (file.isAccessDue) noteRead(context, file)
  return {
    parts: [encodeDataHeader(header.unique, length), memory.subarray(0, length)],
    free: () => buffers.give(memory),
  }
}

export function writeFile(context: MountContext, request: RequestOf<'write'>): Reply | Promise<Reply> {
  const { header, body } = request
  const { file, isAppending } = context.parts.handles.file(body.handle)
  const isPlain = (body.writeFlags & WRITE_FLAG.killPrivileges) === 0 || (file.mode & SET_IDS) === 0
  if (!isPlain || !context.writeMemory.hasRoom) return writeInTurn(context, request)
  if (!file.writeNow(body.data, isAppending ? undefined : body.offset)) return writeInTurn(context, request)
  file.isAccessDue = true
  context.writeMemory.note(file)
  return reply(encodeSize(header.unique, body.data.length))
}

async function writeInTurn(context: MountContext, { header, body }: RequestOf<'write'>): Promise<Reply> {
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

export function flushFile(
  context: MountContext,
  { header, body }: RequestOf<'flush'>,
): Reply | Promise<Reply> {
  const { file, isWritable } = context.parts.handles.file(body.handle)
  const saved = file.flushNow(isWritable) ? undefined : file.flush(isWritable)
  return after(saved, () => {
    context.writeMemory.note(file)
    if (isWritable) context.parts.leases?.writeDown()
    return done(header)
  })
}

export async function syncFile(context: MountContext, { header, body }: RequestOf<'fsync'>): Promise<Reply> {
  const { file } = context.parts.handles.file(body.handle)
  if (!file.syncNow()) await file.sync()
  await context.parts.leases?.sync(file.inodeId)
  return done(header)
}

export function releaseFile(
  context: MountContext,
  { header, body }: RequestOf<'release'>,
): Reply | Promise<Reply> {
  return after(dropHandle(context, body.handle), () => done(header))
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

/** `isNew`: it was made here just now, under a directory lease. */
export function takeHandle(
  context: MountContext,
  status: WireStatus,
  flags: number,
  isNew = false,
): FileHandleRow {
  const { nodes, session, cache } = context.parts
  let file = nodes.openFile(status.id)
  if (file === undefined) {
    file = new OpenFile(session, cache, status)
    nodes.setOpen(status.id, file)
  }
  const isWritable = (flags & O_ACCESS_MODE) !== O_RDONLY
  file.addHandle(isWritable)
  file.isAccessDue ||= context.parts.accessTimes.isDue(status, now())
  const isMappable = (flags & O_ACCESS_MODE) === O_RDWR
  const { opens } = context.parts.locks.session
  const isShared = isMappable ? (isNew ? opens.openNew(status.id) : opens.open(status.id)) : undefined
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

/** Whoever only reads has nothing to save; but where there are locks, any close ends those of its process. */
function closingFlags(context: MountContext, { isWritable, file }: FileHandleRow): number {
  return isWritable || context.parts.locks.session.knows(file.inodeId) ? 0 : OPEN_FLAG.noFlush
}

/** Pages that the kernel holds stay good while the content is what it was when they were read. */
function cacheFlags(context: MountContext, status: WireStatus, flags: number): number {
  if (isDirect(flags)) return OPEN_FLAG.directIo
  const { nodes } = context.parts
  const node = nodes.node(status.id)
  const isSame = node.pages === versionOf(status) || nodes.openFile(status.id)?.hasWriter === true
  node.setPages(status)
  return isSame ? OPEN_FLAG.keepCache : 0
}

function dropHandle(context: MountContext, handle: number): void | Promise<void> {
  const row = context.parts.handles.file(handle)
  context.parts.handles.remove(handle)
  if (!row.file.releaseNow(row.isWritable)) return letGo(context, row)
  gone(context, row)
}

/**
 * A failure now can be told to nobody: close(2) had its answer at FLUSH. It is counted, and logged by the
 * mount.
 */
async function letGo(context: MountContext, row: FileHandleRow): Promise<void> {
  try {
    await row.file.release(row.isWritable)
  } catch (error) {
    context.tellLateFailure(row.file.inodeId, error)
  } finally {
    gone(context, row)
  }
}

function gone(context: MountContext, { file, isShared }: FileHandleRow): void {
  const { nodes, locks } = context.parts
  context.writeMemory.note(file)
  if (isShared !== undefined) locks.session.opens.close(file.inodeId)
  if (file.handles === 0 && nodes.openFile(file.inodeId) === file) nodes.setClosed(file.inodeId)
}
