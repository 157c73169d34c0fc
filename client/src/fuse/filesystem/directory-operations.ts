/** Operations on open directories. Whoever opened one may go on reading it, whatever becomes of its bits. */
import { access } from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import { READ } from '@hopbine/common/rules/permission.ts'
import { ROOT_NODE } from '../protocol/constants.ts'
import { DirectoryPage, encodeOpen } from '../protocol/encode.ts'
import type { RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { Reply } from '../session/session.ts'
import { entryType } from './attributes.ts'
import { type DirectoryEntry, DirectoryReader, DOTS } from './directory-reader.ts'
import type { MountContext } from './mount-context.ts'
import { done } from './reply.ts'

const DIRECTORY_TYPE = entryType(KIND.directory)

export async function openDirectory(context: MountContext, { header }: RequestOf<'opendir'>): Promise<Reply> {
  const path = context.path(header.nodeId)
  const { status } = await context.as(header).call(access, { path, wanted: READ })
  if (status.kind !== KIND.directory) throw new PosixError('ENOTDIR')
  const reader = new DirectoryReader(context.parts.rpc, context.parts.cache, status.id, path)
  const handle = context.parts.handles.add({ kind: 'directory', reader })
  return {
    parts: [encodeOpen(header.unique, handle, 0)],
    undo: () => context.parts.handles.remove(handle),
  }
}

export async function readDirectory(
  context: MountContext,
  { header, body }: RequestOf<'readdir'>,
): Promise<Reply> {
  const reader = context.parts.handles.directory(body.handle)
  const page = new DirectoryPage(header.unique, body.size)
  const add = (name: string, inode: number, type: number, cookie: number): boolean =>
    page.add(name, inode, type, cookie)
  if (!addDots(reader, body.offset, add)) return { parts: [page.finish()] }
  await eachEntry(reader, body.offset, ({ status, cookie }) =>
    page.add(status.name, status.id, entryType(status.kind), cookie),
  )
  return { parts: [page.finish()] }
}

export async function readDirectoryPlus(
  context: MountContext,
  { header, body }: RequestOf<'readdirplus'>,
): Promise<Reply> {
  const reader = context.parts.handles.directory(body.handle)
  const page = new DirectoryPage(header.unique, body.size)
  const remembered: ReturnType<MountContext['entry']>[] = []
  const undo = (): void => {
    for (const entry of remembered) context.forgetEntry(entry)
  }
  const addDot = (name: string, inode: number, type: number, cookie: number): boolean =>
    page.addPlus(name, type, cookie, inode, undefined)
  if (!addDots(reader, body.offset, addDot)) return { parts: [page.finish()] }
  await eachEntry(reader, body.offset, ({ status, cookie, stamp }) => {
    const entry = context.entry(status, header.nodeId, stamp)
    if (page.addPlus(status.name, entryType(status.kind), cookie, status.id, entry)) {
      remembered.push(entry)
      return true
    }
    context.forgetEntry(entry)
    return false
  })
  return { parts: [page.finish()], undo }
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
async function eachEntry(
  reader: DirectoryReader,
  offset: number,
  add: (entry: DirectoryEntry) => boolean,
): Promise<void> {
  const entries = await reader.after(Math.max(offset, DOTS))
  for (const entry of entries) if (!add(entry)) return
}
