/** Operations on open directories. Whoever opened one may go on reading it, whatever becomes of its bits. */
import { access } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { READ } from '@hopbine/common/rules/permission.ts'
import { ROOT_NODE } from '../protocol/constants.ts'
import { DirectoryPage, encodeOpen } from '../protocol/encode.ts'
import type { RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { entryType } from './attributes.ts'
import { DirectoryReader, DOTS } from './directory-reader.ts'
import type { Stamp } from './kernel-cache.ts'
import type { MountContext } from './mount-context.ts'
import { after, ask, done } from './reply.ts'

const DIRECTORY_TYPE = entryType(KIND.directory)

export function openDirectory(
  context: MountContext,
  { header }: RequestOf<'opendir'>,
): Reply | Promise<Reply> {
  const path = context.path(header.nodeId)
  return after(ask(context.as(header), access, { path, wanted: READ }), ({ status }) => {
    if (status.kind !== KIND.directory) throw new PosixError('ENOTDIR')
    const reader = new DirectoryReader(context.parts.rpc, context.parts.cache, status.id, path)
    const handle = context.parts.handles.add({ kind: 'directory', reader })
    const undo = (): void => context.parts.handles.remove(handle)
    return { parts: [encodeOpen(header.unique, handle, 0)], undo }
  })
}

export function readDirectory(
  context: MountContext,
  { header, body }: RequestOf<'readdir'>,
): Reply | Promise<Reply> {
  const reader = context.parts.handles.directory(body.handle)
  const page = new DirectoryPage(header.unique, body.size)
  const add = (name: string, inode: number, type: number, cookie: number): boolean =>
    page.add(name, inode, type, cookie)
  if (!addDots(reader, body.offset, add)) return { parts: [page.finish()] }
  const read = eachEntry(reader, body.offset, (status, cookie) =>
    page.add(status.name, status.id, entryType(status.kind), cookie),
  )
  return after(read, () => ({ parts: [page.finish()] }))
}

export function readDirectoryPlus(
  context: MountContext,
  { header, body }: RequestOf<'readdirplus'>,
): Reply | Promise<Reply> {
  const reader = context.parts.handles.directory(body.handle)
  const page = new DirectoryPage(header.unique, body.size)
  const remembered: ReturnType<MountContext['entry']>[] = []
  const undo = (): void => {
    for (const entry of remembered) context.forgetEntry(entry)
  }
  const addDot = (name: string, inode: number, type: number, cookie: number): boolean =>
    page.addPlus(name, type, cookie, inode, undefined)
  if (!addDots(reader, body.offset, addDot)) return { parts: [page.finish()] }
  const read = eachEntry(reader, body.offset, (status, cookie, stamp) => {
    const entry = context.entry(status, header.nodeId, stamp)
    if (page.addPlus(status.name, entryType(status.kind), cookie, status.id, entry)) {
      remembered.push(entry)
      return true
    }
    context.forgetEntry(entry)
    return false
  })
  return after(read, () => ({ parts: [page.finish()], undo }))
}

export function releaseDirectory(context: MountContext, { header, body }: RequestOf<'releasedir'>): Reply {
  context.parts.handles.remove(body.handle)
  return done(header)
}

/**
 * Everything that this mount has written and not saved is saved: `sync -f` does not reach a daemon, this
 * does.
 */
export async function syncDirectory(
  context: MountContext,
  { header }: RequestOf<'fsyncdir'>,
): Promise<Reply> {
  if (header.nodeId === ROOT_NODE) await context.syncAll()
  else await context.parts.leases?.sync()
  return done(header)
}

/** False when the page is full. Node 1 stands for what lies above the mount; nobody looks at that number. */
function addDots(
  reader: DirectoryReader,
  offset: number,
  add: (name: string, inode: number, type: number, cookie: number) => boolean,
): boolean {
  if (offset === 0) {
    reader.rewind()
    if (!add('.', reader.inodeId, DIRECTORY_TYPE, 1)) return false
  }
  return offset > 1 || add('..', ROOT_NODE, DIRECTORY_TYPE, DOTS)
}

/**
 * Hands entries over until one does not fit or the first fetched page is used up: the kernel asks on from
 * there.
 */
function eachEntry(
  reader: DirectoryReader,
  offset: number,
  add: (status: WireStatus, cookie: number, stamp: Stamp) => boolean,
): void | Promise<void> {
  const from = Math.max(offset, DOTS)
  return after(reader.pageWith(from), ({ entries, start, stamp }) => {
    for (let at = from - start; at < entries.length; at++) {
      if (!add(entries[at] as WireStatus, start + at + 1, stamp)) return
    }
  })
}
