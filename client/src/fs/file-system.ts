/**
 * The filesystem as its users hold it: one session with the namenode, one method per operation. It wires;
 * streams, listings and paths live in files of their own. Relative paths start at the user's home,
 * `/user/NAME`. Every refusal is an `FsError`.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { getAcl, SET_ACL, setAcl } from '@hopbine/common/protocol/acl.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { HelloResponse } from '@hopbine/common/protocol/session.ts'
import type { ChangeEvent, ContentSummary, FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { BlockPool } from '../blocks/block-pool.ts'
import { type Acl, type AclInput, aclEntry, wireAcl } from './acl.ts'
import { blockLocations } from './block-locations.ts'
import { followChanges } from './changes.ts'
import { checkRange } from './check-range.ts'
import { FileHandle } from './file-handle.ts'
import { FileMap } from './file-map.ts'
import { connectSession } from './find-server.ts'
import { glob } from './glob.ts'
import { LeaseRenewer } from './lease-renewer.ts'
import { listStatus } from './list.ts'
import type * as Options from './options.ts'
import { homeOf, resolvePath } from './paths.ts'
import { FileReadStream } from './read-stream.ts'
import { SequentialWriter } from './sequential-writer.ts'
import type { Session } from './session.ts'
import { FileStatus, type Time, timeOfMilliseconds } from './status.ts'
import { readWhole, writeWhole } from './whole-file.ts'
import { FileWriteStream } from './write-stream.ts'

const DIRECTORY_MODE = 0o777
const UMASK = 0o022
const RENAME_MODES = {
  refuse: metadata.RENAME.noReplace,
  replace: metadata.RENAME.replace,
  exchange: metadata.RENAME.exchange,
} as const

export class FileSystem {
  /** Who the server takes this session for. */
  readonly user: string
  readonly groups: readonly string[]
  readonly superuser: boolean
  readonly clusterId: string
  readonly #session: Session
  readonly #rpc: RpcClient

  private constructor(session: Session, rpc: RpcClient, who: HelloResponse) {
    this.#session = session
    this.#rpc = rpc
    this.user = who.user
    this.groups = who.groups
    this.superuser = who.superuser
    this.clusterId = who.clusterId
  }

  /** Opens a session. UNAVAILABLE when nothing answers, UNAUTHENTICATED for a wrong token. */
  static async connect(options: Options.ConnectOptions = {}): Promise<FileSystem> {
    const rpc = await connectSession(options)
    const who = await rpc.welcome()
    const home = homeOf(who.user)
    const leases = new LeaseRenewer(rpc)
    const session = { rpc, blocks: new BlockPool(), leases, home, umask: options.umask ?? UMASK }
    return new FileSystem(session, rpc, who)
  }

  /**
   * Ends the session: calls in flight fail with CANCELLED, files still open for writing are left to their
   * leases.
   */
  close(): void {
    this.#session.leases.stop()
    this.#session.blocks.close()
    this.#rpc.close()
  }

  [Symbol.dispose](): void {
    this.close()
  }

  /** Where relative paths start. It need not exist. */
  get homeDirectory(): string {
    return this.#session.home
  }

  /** The absolute, normalised form of a path. INVALID_NAME or NAME_TOO_LONG if it cannot be one. */
  resolve(path: string): string {
    return resolvePath(this.#session.home, path)
  }

  /** Makes one directory. NOT_FOUND without its parent, ALREADY_EXISTS if the name is taken. */
  async mkdir(path: string, options: Options.MkdirOptions = {}): Promise<FileStatus> {
    return this.#change(path, metadata.mkdir, this.#directoryMode(options), options)
  }

  /** Makes a directory and every missing one above it; fine if it is there already. */
  async mkdirs(path: string, options: Options.MkdirOptions = {}): Promise<FileStatus> {
    return this.#change(path, metadata.mkdirs, this.#directoryMode(options), options)
  }

  /** Gives a file or directory another name, at a cost that does not follow its size. */
  async rename(from: string, to: string, options: Options.RenameOptions = {}): Promise<void> {
    const mode = RENAME_MODES[options.existing ?? 'refuse']
    await this.call(metadata.rename, { from: this.resolve(from), to: this.resolve(to), mode }, options)
  }

  /** Removes a file, an empty directory, or with `recursive` a tree. NOT_FOUND if nothing is there. */
  async delete(path: string, options: Options.DeleteOptions = {}): Promise<Options.Removed> {
    const only = metadata.REMOVE[options.only ?? 'any']
    const request = { path: this.resolve(path), recursive: options.recursive ?? false, only }
    const { files, directories, bytes } = await this.call(metadata.remove, request, options)
    return { files, directories, bytes }
  }

  async getFileStatus(path: string, options: Options.StatusOptions = {}): Promise<FileStatus> {
    return this.#change(path, metadata.stat, { followLast: options.followLast ?? true }, options)
  }

  /** Whether something is there that the caller may see. */
  async exists(path: string, options: Options.CallOptions = {}): Promise<boolean> {
    try {
      await this.getFileStatus(path, options)
      return true
    } catch (error) {
      if (isFsError(error, 'NOT_FOUND') || isFsError(error, 'NOT_A_DIRECTORY')) return false
      throw error
    }
  }

  /** Entries of a directory in byte order of names, fetched page by page; a file yields itself. */
  listStatus(path: string, options: Options.ListOptions = {}): AsyncGenerator<FileStatus> {
    return listStatus(this.#session, this.resolve(path), options)
  }

  /** Exact totals of everything below a path, at a cost that does not follow the size of the tree. */
  async getContentSummary(path: string, options: Options.CallOptions = {}): Promise<ContentSummary> {
    return this.call(metadata.summary, { path: this.resolve(path) }, options)
  }

  /** Everything that a pattern with Hadoop's `* ? [] {} \\` matches. */
  glob(pattern: string, options: Options.CallOptions = {}): AsyncGenerator<FileStatus> {
    const absolute = pattern.startsWith('/') ? pattern : `${this.homeDirectory}/${pattern}`
    return glob(this, absolute, options)
  }

  /** Opens a file, or a range of it, as a stream with bounded read-ahead. */
  async open(path: string, options: Options.OpenOptions = {}): Promise<FileReadStream> {
    const { start = 0, end = Number.MAX_SAFE_INTEGER, signal } = options
    checkRange(start, 0)
    const absolute = this.resolve(path)
    const map = await FileMap.open(this.#session, absolute, start, options)
    const status = new FileStatus(absolute, map.status)
    const range = { start, end: Math.min(end, status.size) }
    return new FileReadStream({ session: this.#session, map }, status, range, signal)
  }

  /**
   * A stream that makes a new file. A small one is made by one call at the end, and only then is
   * ALREADY_EXISTS said; a stream that is destroyed leaves nothing behind.
   */
  async create(path: string, options: Options.CreateOptions = {}): Promise<FileWriteStream> {
    const writer = SequentialWriter.create(this.#session, this.resolve(path), options)
    return new FileWriteStream(writer, options.signal)
  }

  /** A stream that goes on at the end of a file. LEASE_CONFLICT while another writes it. */
  async append(path: string, options: Options.CallOptions = {}): Promise<FileWriteStream> {
    const writer = await SequentialWriter.append(this.#session, this.resolve(path), options)
    return new FileWriteStream(writer, options.signal)
  }

  /** Opens a file for reads, and with `write` or `create` for writes, at any position. */
  async openFile(path: string, options: Options.OpenFileOptions = {}): Promise<FileHandle> {
    return FileHandle.open(this.#session, this.resolve(path), options)
  }

  /** The whole content. INVALID_ARGUMENT for a file that no buffer can hold; `open` reads those. */
  async readFile(path: string, options: Options.CallOptions = {}): Promise<Buffer> {
    return readWhole(this.#session, this.resolve(path), options)
  }

  /** Makes a file of these bytes, or of this text as UTF-8: whole, or not at all. */
  async writeFile(
    path: string,
    content: Uint8Array | string,
    options: Options.CreateOptions = {},
  ): Promise<FileStatus> {
    const bytes = typeof content === 'string' ? Buffer.from(content) : content
    return writeWhole(SequentialWriter.create(this.#session, this.resolve(path), options), bytes)
  }

  /** Where the parts of a file are, in order; inline files and holes have no place. */
  async getFileBlockLocations(
    path: string,
    range: { readonly start?: number; readonly end?: number } = {},
    options: Options.CallOptions = {},
  ): Promise<Options.BlockLocation[]> {
    const { start = 0, end = Number.MAX_SAFE_INTEGER } = range
    checkRange(start, 0)
    const map = await FileMap.open(this.#session, this.resolve(path), start, options)
    return blockLocations(map, start, end, options)
  }

  /**
   * What is committed from a log index on, and then what will be; it ends when it is left. Superusers only.
   */
  changes(options: Options.ChangesOptions): AsyncGenerator<ChangeEvent> {
    return followChanges(this.#session, options)
  }

  /** Sets the permission bits, 0 … 0o7777. Owner or superuser only. */
  async setPermission(path: string, mode: number, options: Options.CallOptions = {}): Promise<FileStatus> {
    return this.#change(path, metadata.chmod, { mode }, options)
  }

  /** Sets owner and group; what is absent stays. */
  async setOwner(
    path: string,
    who: { readonly owner?: string; readonly group?: string },
    options: Options.CallOptions = {},
  ): Promise<FileStatus> {
    return this.#change(path, metadata.chown, { owner: who.owner, group: who.group }, options)
  }

  /** Access and default ACL; whoever can reach a path may know them. */
  async getAcl(path: string, options: Options.CallOptions = {}): Promise<Acl> {
    const absolute = this.resolve(path)
    const found = await this.call(getAcl, { path: absolute }, options)
    return {
      access: found.access.map(aclEntry),
      default: found.default.map(aclEntry),
      status: new FileStatus(absolute, found.status),
    }
  }

  /**
   * Changes the access ACL, the default ACL of a directory, or both: text like `user:ada:r-x,default:…` or
   * lists of entries. Owner or superuser only.
   */
  async setAcl(path: string, acl: AclInput, options: Options.SetAclOptions = {}): Promise<FileStatus> {
    const { how = 'replace' } = options
    return this.#change(path, setAcl, { ...wireAcl(acl, how), how: SET_ACL[how] }, options)
  }

  /** Leaves the rights of owner, group and others, without a mask, and no default ACL. */
  async removeAcl(path: string, options: Options.CallOptions = {}): Promise<FileStatus> {
    return this.#change(path, setAcl, { how: SET_ACL.base }, options)
  }

  async setTimes(
    path: string,
    times: Options.NewTimes,
    options: Options.CallOptions = {},
  ): Promise<FileStatus> {
    const { atime, mtime } = times
    const request = { atime: timeOf(atime), mtime: timeOf(mtime) }
    return this.#change(path, metadata.utimes, request, options)
  }

  /** Sets how many copies of each block of a file there are, 1 … 16. */
  async setReplication(
    path: string,
    replication: number,
    options: Options.CallOptions = {},
  ): Promise<FileStatus> {
    return this.#change(path, metadata.setReplication, { replication }, options)
  }

  /** Sets or lifts the limits of a directory. Superusers only. */
  async setQuota(path: string, quota: Options.NewQuota, options: Options.CallOptions = {}): Promise<void> {
    const request = { path: this.resolve(path), names: limitOf(quota.names), bytes: limitOf(quota.bytes) }
    await this.call(metadata.setQuota, request, options)
  }

  /** Cuts a file or grows it by a hole. LEASE_CONFLICT while another client writes it. */
  async truncate(path: string, size: number, options: Options.CallOptions = {}): Promise<FileStatus> {
    return this.#change(path, metadata.truncate, { size }, options)
  }

  /** Makes a symbolic link at `path`; `target` is kept as it is. */
  async createSymlink(target: string, path: string, options: Options.CallOptions = {}): Promise<FileStatus> {
    return this.#change(path, metadata.symlink, { target }, options)
  }

  async getLinkTarget(path: string, options: Options.CallOptions = {}): Promise<string> {
    const { target } = await this.call(metadata.readlink, { path: this.resolve(path) }, options)
    return target
  }

  /** Room and names as seen at a path: the nearest quota, else the datanodes. */
  async getRoom(path = '/', options: Options.CallOptions = {}): Promise<Options.Room> {
    return this.call(metadata.statfs, { path: this.resolve(path) }, options)
  }

  /** Closes a file whose writer has gone silent; false while its lease still holds. */
  async recoverLease(path: string, options: Options.CallOptions = {}): Promise<boolean> {
    const { closed } = await this.call(metadata.recoverLease, { path: this.resolve(path) }, options)
    return closed
  }

  /** Any method of the namenode with its plain request and answer; retried and numbered like the others. */
  async call<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    options: Options.CallOptions = {},
  ): Promise<Res> {
    return this.#session.rpc.call(method, request, { signal: options.signal })
  }

  /** The server takes the umask off, unless a default ACL takes its place. */
  #directoryMode({ mode = DIRECTORY_MODE, umask = this.#session.umask }: Options.MkdirOptions) {
    return { mode, umask }
  }

  /** Calls a method whose answer is the attributes of the path it was given. */
  async #change<Req extends { path: string }>(
    path: string,
    method: Method<Req, { status: WireStatus }>,
    rest: Omit<Req, 'path'>,
    options: Options.CallOptions,
  ): Promise<FileStatus> {
    const absolute = this.resolve(path)
    const { status } = await this.call(method, { ...rest, path: absolute } as Req, options)
    return new FileStatus(absolute, status)
  }
}

function timeOf(input: Options.TimeInput | undefined): Time | undefined {
  return typeof input === 'number' ? timeOfMilliseconds(input) : input
}

function limitOf(limit: number | 'none' | undefined): number | undefined {
  return limit === 'none' ? -1 : limit
}
