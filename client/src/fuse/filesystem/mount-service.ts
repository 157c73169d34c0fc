/** The table of operations that a mount serves. An operation without a line is answered ENOSYS, once. */
import { OPCODE } from '../protocol/constants.ts'
import type { ForgetOne, Request, RequestName, RequestOf } from '../protocol/request.ts'
import { PosixError } from '../session/errno.ts'
import type { FuseService, Reply } from '../session/session.ts'
import * as attributes from './attribute-operations.ts'
import * as directories from './directory-operations.ts'
import * as files from './file-operations.ts'
import * as locks from './lock-operations.ts'
import type { MountContext } from './mount-context.ts'
import * as names from './name-operations.ts'
import * as ranges from './range-operations.ts'
import { createUnnamedFile } from './unnamed-files.ts'
import * as xattrs from './xattr-operations.ts'

type Operation<Name extends RequestName> = (
  context: MountContext,
  request: RequestOf<Name>,
) => Reply | Promise<Reply>

const OPERATIONS: { readonly [Name in RequestName]?: Operation<Name> } = {
  lookup: names.lookup,
  getattr: attributes.getAttributes,
  setattr: attributes.setAttributes,
  readlink: names.readLink,
  symlink: names.makeLink,
  mknod: names.makeNode,
  mkdir: names.makeDirectory,
  unlink: names.unlink,
  rmdir: names.removeDirectory,
  rename: names.move,
  link: names.hardLink,
  rename2: names.move,
  open: files.openFile,
  create: files.createFile,
  tmpfile: createUnnamedFile,
  read: files.readFile,
  write: files.writeFile,
  flush: locks.flushFile,
  fsync: files.syncFile,
  release: locks.releaseFile,
  getlk: locks.testLock,
  setlk: locks.setLock,
  setlkw: locks.setLock,
  fallocate: ranges.allocate,
  lseek: ranges.seek,
  statfs: attributes.room,
  setxattr: xattrs.setAttribute,
  getxattr: xattrs.getAttribute,
  listxattr: xattrs.listAttributes,
  removexattr: xattrs.removeAttribute,
  opendir: directories.openDirectory,
  readdir: directories.readDirectory,
  readdirplus: directories.readDirectoryPlus,
  releasedir: directories.releaseDirectory,
  fsyncdir: directories.syncDirectory,
}

/** Operations that are refused to handles whose locks were lost. */
const WITH_KEPT_LOCKS: ReadonlySet<RequestName> = new Set<RequestName>([
  'read',
  'write',
  'fsync',
  'fallocate',
  'lseek',
  'getlk',
  'setlk',
  'setlkw',
])

/** Operations that change names in a directory. */
const NAMING: ReadonlySet<RequestName> = new Set<RequestName>([
  'symlink',
  'mknod',
  'mkdir',
  'unlink',
  'rmdir',
  'rename',
  'rename2',
  'link',
  'create',
])

interface Service {
  readonly operate: Operation<RequestName>
  readonly needsKeptLocks: boolean
  readonly isNaming: boolean
}

/** By opcode: a key of text would be looked up at every request. */
const SERVICES: readonly (Service | undefined)[] = Array.from({ length: 64 }, (_, opcode) => {
  const name = (Object.keys(OPCODE) as RequestName[]).find(each => OPCODE[each] === opcode)
  const operate = name === undefined ? undefined : (OPERATIONS[name] as Operation<RequestName> | undefined)
  if (name === undefined || operate === undefined) return undefined
  return { operate, needsKeptLocks: WITH_KEPT_LOCKS.has(name), isNaming: NAMING.has(name) }
})

export class MountService implements FuseService {
  readonly #context: MountContext

  constructor(context: MountContext) {
    this.#context = context
  }

  serve(request: Request): Reply | Promise<Reply> | undefined {
    if (SERVICES[request.header.opcode]?.needsKeptLocks === true) {
      const { locks } = this.#context.parts
      const { handle } = request.body as { readonly handle: number }
      locks.requireKept(handle)
      if (locks.session.isDoubtful(handle)) return this.#serveWhenSure(request, handle)
    }
    return this.#serveNow(request)
  }

  /** A mount that was not heard of for long may have lost the lock under which this is asked. */
  async #serveWhenSure(request: Request, handle: number): Promise<Reply> {
    const { locks } = this.#context.parts
    // The message's memory is used again as soon as this function waits.
    const kept: Request =
      request.name === 'write'
        ? { ...request, body: { ...request.body, data: Buffer.from(request.body.data) } }
        : request
    await locks.session.confirm()
    locks.requireKept(handle)
    const reply = this.#serveNow(kept)
    if (reply === undefined) throw new PosixError('ENOSYS')
    return reply
  }

  #serveNow(request: Request): Reply | Promise<Reply> | undefined {
    const service = SERVICES[request.header.opcode]
    const reply = service?.operate(this.#context, request)
    if (service?.isNaming === true && reply instanceof Promise) this.#noteNaming(request, reply)
    return reply
  }

  interrupt(unique: number): boolean {
    return this.#context.parts.locks.interrupt(unique)
  }

  /** The kernel holds locks of the directories until it is answered. */
  #noteNaming({ name, header, body }: Request, reply: Promise<Reply>): void {
    const { cache, nodes } = this.#context.parts
    const ends = [cache.beginNaming(nodes.inodeOf(header.nodeId))]
    if (name === 'rename' || name === 'rename2') ends.push(cache.beginNaming(nodes.inodeOf(body.newParent)))
    const end = (): void => {
      for (const endOne of ends) endOne()
    }
    reply.then(end, end)
  }

  forget(forgotten: readonly ForgetOne[]): void {
    const { nodes } = this.#context.parts
    for (const { nodeId, lookups } of forgotten) nodes.forget(nodes.inodeOf(nodeId), lookups)
  }
}
