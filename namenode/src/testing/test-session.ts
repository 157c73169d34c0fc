/**
 * A client session on a test shard: numbers its writes as a client does, and has a short method for each
 * call. Test only.
 */
import {
  abandon,
  addBlock,
  append,
  chmod,
  chown,
  commitExtents,
  complete,
  create,
  IF_EXISTS,
  list_,
  mkdir,
  mkdirs,
  open,
  REMOVE,
  RENAME,
  readlink,
  remove,
  rename,
  setQuota,
  setReplication,
  stat,
  statfs,
  summary,
  symlink,
  truncate,
  utimes,
} from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { ContentSummary, Extent, FileStatus } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'

/** What a session needs of the shard below it. */
export interface ShardCalls {
  write<Req, Res>(method: Method<Req, Res>, request: Req, session: TestSession): Res
  read<Req, Res>(method: Method<Req, Res>, request: Req, principal: Principal): Res
}

export type CreateOptions = Partial<Omit<RequestOf<typeof create>, 'path' | 'inline'>> & {
  /** Content; absent: the file stays open. */
  readonly content?: string | Uint8Array
}

export class TestSession {
  readonly principal: Principal
  readonly clientId: string
  readonly #shard: ShardCalls
  #sequence = 0

  constructor(shard: ShardCalls, principal: Principal, clientId: string) {
    this.#shard = shard
    this.principal = principal
    this.clientId = clientId
  }

  /** Number of the next write. */
  nextSequence(): number {
    this.#sequence += 1
    return this.#sequence
  }

  write<Req, Res>(method: Method<Req, Res>, request: Req): Res {
    return this.#shard.write(method, request, this)
  }

  read<Req, Res>(method: Method<Req, Res>, request: Req): Res {
    return this.#shard.read(method, request, this.principal)
  }

  mkdir(path: string, mode = 0o755): FileStatus {
    return this.write(mkdir, { path, mode }).status
  }

  mkdirs(path: string, mode = 0o755): FileStatus {
    return this.write(mkdirs, { path, mode }).status
  }

  create(path: string, { content, ...options }: CreateOptions = {}): FileStatus {
    const inline = content === undefined ? undefined : Buffer.from(content as string)
    const defaults = {
      mode: 0o644,
      ifExists: IF_EXISTS.fail,
      createParents: false,
      replication: 1,
      blockSize: 0,
    }
    return this.write(create, { path, ...defaults, ...options, inline }).status
  }

  append(path: string): FileStatus {
    return this.write(append, { path }).status
  }

  /** Id of the new block. */
  addBlock(inodeId: number, exclude: string[] = []): number {
    return this.write(addBlock, { inodeId, exclude }).block.blockId
  }

  commit(inodeId: number, extents: Extent[], size: number): FileStatus {
    return this.write(commitExtents, { inodeId, extents, size }).status
  }

  complete(inodeId: number, extents: Extent[], size: number): FileStatus {
    return this.write(complete, { inodeId, extents, size }).status
  }

  completeInline(inodeId: number, content: string | Uint8Array): FileStatus {
    const inline = Buffer.from(content as string)
    return this.write(complete, { inodeId, extents: [], size: 0, inline }).status
  }

  /** A closed file with one block of so many bytes. */
  createWithBlock(path: string, size: number, options: CreateOptions = {}): FileStatus {
    const { id } = this.create(path, options)
    const blockId = this.addBlock(id)
    return this.complete(id, [{ offset: 0, length: size, blockId, blockOffset: 0 }], size)
  }

  abandon(inodeId: number): void {
    this.write(abandon, { inodeId })
  }

  truncate(path: string, size: number): FileStatus {
    return this.write(truncate, { path, size }).status
  }

  open(path: string, offset = 0, length = 2 ** 50): ResponseOf<typeof open> {
    return this.read(open, { path, offset, length })
  }

  stat(path: string, followLast = true): FileStatus {
    return this.read(stat, { path, followLast }).status
  }

  statfs(path: string): ResponseOf<typeof statfs> {
    return this.read(statfs, { path })
  }

  page(path: string, after = '', max = 0): ResponseOf<typeof list_> {
    return this.read(list_, { path, after, max })
  }

  /** Names of everything in a directory, page by page. */
  names(path: string, max = 0): string[] {
    const names: string[] = []
    for (let more = true; more; ) {
      const page = this.page(path, names.at(-1) ?? '', max)
      names.push(...page.entries.map(entry => entry.name))
      more = page.more
    }
    return names
  }

  rename(from: string, to: string, mode: number = RENAME.noReplace): void {
    this.write(rename, { from, to, mode })
  }

  remove(path: string, recursive = false, only: number = REMOVE.any): ResponseOf<typeof remove> {
    return this.write(remove, { path, recursive, only })
  }

  symlink(path: string, target: string): FileStatus {
    return this.write(symlink, { path, target }).status
  }

  readlink(path: string): string {
    return this.read(readlink, { path }).target
  }

  chmod(path: string, mode: number): FileStatus {
    return this.write(chmod, { path, mode }).status
  }

  chown(path: string, owner?: string, group?: string): FileStatus {
    return this.write(chown, { path, owner, group }).status
  }

  utimes(path: string, times: Omit<RequestOf<typeof utimes>, 'path'>): FileStatus {
    return this.write(utimes, { path, ...times }).status
  }

  setReplication(path: string, replication: number): FileStatus {
    return this.write(setReplication, { path, replication }).status
  }

  summary(path: string): ContentSummary {
    return this.read(summary, { path })
  }

  setQuota(path: string, names?: number, bytes?: number): void {
    this.write(setQuota, { path, names, bytes })
  }
}

/** An extent that begins the file and its block. */
export function wholeBlock(blockId: number, length: number): Extent {
  return { offset: 0, length, blockId, blockOffset: 0 }
}
