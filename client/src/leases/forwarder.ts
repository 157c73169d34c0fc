/**
 * Calls that the namenode answers. What is queued about their subjects is committed before, what they change
 * in leased directories is known here after, and where local calls could come in between, those wait.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import {
  abandon,
  access,
  addBlock,
  append,
  commitExtents,
  complete,
  list_,
  noteAccess,
  open,
  punch,
  releaseOrphans,
  remove,
  stat,
  statfs,
  summary,
  truncate,
} from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf } from '@hopbine/common/protocol/method.ts'
import type { FileStatus } from '@hopbine/common/protocol/types.ts'
import type { RequestOptions, RpcCaller } from '@hopbine/common/rpc/client.ts'
import type { Speaker } from '@hopbine/common/rpc/principal-handles.ts'
import { movesAccessTime } from '@hopbine/common/rules/access-time.ts'
import { type Footprint, footprintOf } from './footprint.ts'
import type { LeaseKeeper } from './lease-keeper.ts'
import { named } from './local-state.ts'
import type { LocalDirectory, LocalInode } from './overlay.ts'
import type { Tenure } from './tenure.ts'

/** About the content of one file: their answers tell all that they change. */
const CONTENT_METHODS: ReadonlySet<number> = new Set(
  [append, truncate, addBlock, commitExtents, complete, abandon, punch].map(({ id }) => id),
)
/** Tries to commit what stands before a removal while the disk is full. */
const FREE_TRIES = 3
/** Callers remembered at one directory. */
const REACH_MAX = 256
/** They change who has the file open: local calls about it wait. */
const OPENING_METHODS: ReadonlySet<number> = new Set([append, truncate, abandon].map(({ id }) => id))

export class Forwarder {
  readonly #tenure: Tenure
  readonly #keeper: LeaseKeeper
  readonly #rpc: RpcCaller

  constructor(tenure: Tenure, keeper: LeaseKeeper, rpc: RpcCaller) {
    this.#tenure = tenure
    this.#keeper = keeper
    this.#rpc = rpc
  }

  async call<Req, Res>(method: Method<Req, Res>, request: Req, options: RequestOptions): Promise<Res> {
    const footprint = footprintOf(request)
    if (method.id === noteAccess.id) return this.#noteAccess(method, request, options)
    if (method.id === releaseOrphans.id) return this.#releaseOrphans(method, request, footprint, options)
    if (options.speaker !== undefined) await this.#tenure.syncRights()
    if (method.kind !== 'write') return this.#look(method, request, footprint, options)
    if (CONTENT_METHODS.has(method.id)) return this.#changeContent(method, request, footprint, options)
    return this.#changeNames(method, request, footprint, options)
  }

  /** Asks whether a caller may search every directory above one, which is remembered there. */
  async proveReach(inodeId: number, speaker: Speaker, key: string): Promise<void> {
    const { overlay } = this.#tenure
    await this.#tenure.syncRights()
    const epoch = overlay.reachEpoch
    let isReachable = true
    try {
      await this.#rpc.call(stat, { path: inodePath(inodeId), followLast: false }, { speaker })
    } catch (error) {
      if (!isFsError(error, 'ACCESS_DENIED')) throw error
      isReachable = false
    }
    const directory = overlay.directories.get(inodeId)
    if (directory === undefined || overlay.reachEpoch !== epoch) return
    directory.reachEpoch = epoch
    if (directory.reach.size >= REACH_MAX) directory.reach.clear()
    directory.reach.set(key, isReachable)
  }

  async #look<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    footprint: Footprint,
    options: RequestOptions,
  ): Promise<Res> {
    await this.#commitAbout(footprint, method.id === statfs.id || method.id === summary.id)
    const answer = await this.#rpc.call(method, request, options)
    if (method.id === stat.id || method.id === access.id) {
      const { status } = answer as { status: FileStatus }
      return { ...answer, status: this.#localised(status) }
    }
    if (method.id === list_.id) {
      const { entries } = answer as { entries: FileStatus[] }
      return { ...answer, entries: entries.map(status => this.#localised(status)) }
    }
    if (method.id === open.id) this.#keepContent(answer as { status: FileStatus; inline?: Uint8Array })
    return answer
  }

  /** What is queued about the subjects of a call is committed. */
  async #commitAbout(footprint: Footprint, isAboutAll = false): Promise<void> {
    const { queue, overlay } = this.#tenure
    if (isAboutAll) {
      return queue.sync().catch((error: unknown) => {
        // How full it is must be seen also when it is full.
        if (!isFsError(error, 'NO_SPACE')) throw error
      })
    }
    let ticket = 0
    const note = (inode: LocalInode | undefined): void => {
      if (inode !== undefined && inode.pending > ticket) ticket = inode.pending
    }
    const noteId = (id: number): void => {
      note(overlay.inodes.get(id))
      ticket = Math.max(ticket, overlay.removed.get(id) ?? 0)
    }
    for (const id of footprint.inodeIds) noteId(id)
    for (const { id, name } of footprint.names) {
      noteId(id)
      const inode = overlay.inodes.get(id)
      note(inode?.directory?.entries.get(name))
    }
    if (!queue.isSettled(ticket)) await queue.sync(ticket)
  }

  /** What is known here is newer than what the namenode answered. */
  #localised(status: FileStatus): FileStatus {
    const inode = this.#tenure.overlay.inodes.get(status.id)
    if (inode === undefined) return status
    if (inode.isCovered) return named(inode.status, status.name)
    inode.status = status
    inode.isStale = false
    return named(status, status.name)
  }

  /** A small file that was read once is read again here. */
  #keepContent({ status, inline }: { status: FileStatus; inline?: Uint8Array }): void {
    const inode = this.#tenure.overlay.inodes.get(status.id)
    if (inode === undefined || !inode.isCovered || inode.content !== undefined || inline === undefined) return
    if (!this.#tenure.queue.isSettled(inode.pending) || inline.length !== inode.status.size) return
    if (inode.isOpenAtServer) return
    this.#tenure.keepContent(inode, Buffer.from(inline))
  }

  async #changeContent<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    footprint: Footprint,
    options: RequestOptions,
  ): Promise<Res> {
    const inode = this.#tenure.overlay.inodes.get(footprint.inodeIds[0] ?? 0)
    if (inode === undefined) {
      await this.#commitAbout(footprint)
      return this.#rpc.call(method, request, options)
    }
    if (OPENING_METHODS.has(method.id)) {
      while (inode.busy !== undefined) await inode.busy
      return this.#whileBusy(inode, () => this.#askAndTake(inode, method, request, footprint, options))
    }
    return this.#askAndTake(inode, method, request, footprint, options)
  }

  async #whileBusy<T>(inode: LocalInode, work: () => Promise<T>): Promise<T> {
    let done: (() => void) | undefined
    const busy = new Promise<void>(resolve => {
      done = resolve
    })
    inode.busy = busy
    try {
      return await work()
    } finally {
      if (inode.busy === busy) inode.busy = undefined
      done?.()
    }
  }

  async #askAndTake<Req, Res>(
    inode: LocalInode,
    method: Method<Req, Res>,
    request: Req,
    footprint: Footprint,
    options: RequestOptions,
  ): Promise<Res> {
    await this.#commitAbout(footprint)
    const answer = await this.#rpc.call(method, request, options)
    const { status } = answer as { status?: FileStatus }
    if (method.id !== addBlock.id) {
      inode.content = undefined
      inode.draft = undefined
    }
    if (status !== undefined) this.#take(inode, status)
    else if (method.id === abandon.id) await this.#askAgain(inode)
    return answer
  }

  /** New attributes of an inode; names that are queued here count, and times never go back. */
  #take(inode: LocalInode, status: FileStatus): void {
    if (this.#tenure.queue.isSettled(inode.pending)) {
      inode.status = { ...status }
      return
    }
    const { nlink, ctime, ctimeNs } = inode.status
    const isOlder = status.ctime < ctime || (status.ctime === ctime && status.ctimeNs < ctimeNs)
    inode.status = { ...status, nlink, ...(isOlder ? { ctime, ctimeNs } : {}) }
  }

  async #askAgain(inode: LocalInode): Promise<void> {
    const status = await this.#statusOf(inodePath(inode.id))
    if (status !== undefined) this.#take(inode, status)
  }

  /** Times of reads are hints: they are told when the files are known, and seen here. */
  async #noteAccess<Req, Res>(method: Method<Req, Res>, request: Req, options: RequestOptions): Promise<Res> {
    const { queue, overlay } = this.#tenure
    const { accesses } = request as RequestOf<typeof noteAccess>
    await queue.settled(
      Math.max(0, ...accesses.map(({ inodeId }) => overlay.inodes.get(inodeId)?.pending ?? 0)),
    )
    const answer = await this.#rpc.call(method, request, options)
    for (const { inodeId, seconds, nanos } of accesses) {
      const status = overlay.inodes.get(inodeId)?.status
      if (status === undefined || !movesAccessTime(status, seconds, nanos)) continue
      status.atime = seconds
      status.atimeNs = nanos
    }
    return answer
  }

  /** An orphan goes when everything about it is committed, which nobody need hurry for. */
  async #releaseOrphans<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    { inodeIds }: Footprint,
    options: RequestOptions,
  ): Promise<Res> {
    const { queue, overlay } = this.#tenure
    const pending = inodeIds.map(id => overlay.inodes.get(id)?.pending ?? 0)
    await queue.settled(Math.max(0, ...pending))
    for (const id of inodeIds) overlay.forgetOrphan(id)
    return this.#rpc.call(method, request, options)
  }

  /** Local calls in the directories concerned wait until what has changed there is known. */
  async #changeNames<Req, Res>(
    method: Method<Req, Res>,
    request: Req,
    footprint: Footprint,
    options: RequestOptions,
  ): Promise<Res> {
    const directories = await this.#unblocked(footprint)
    const release = block(directories)
    try {
      this.#markStale(footprint)
      await this.#openWritten(footprint)
      await (method.id === remove.id ? this.#freed() : this.#tenure.queue.sync())
      try {
        return await this.#rpc.call(method, request, options)
      } finally {
        this.#markStale(footprint)
        await this.#seeChange(footprint, directories)
      }
    } finally {
      release()
    }
  }

  /** Everything is committed, for a call that frees space: also on a full disk. */
  async #freed(): Promise<void> {
    const { queue } = this.#tenure
    for (let tries = 1; ; tries++) {
      queue.free()
      try {
        return await queue.sync()
      } catch (error) {
        // The first ones may have been sent before, and without a word of it.
        if (!isFsError(error, 'NO_SPACE') || tries === FREE_TRIES) throw error
      }
    }
  }

  /** The leased directories that a change is about, when none of them is waited for. */
  async #unblocked(footprint: Footprint): Promise<LocalDirectory[]> {
    for (;;) {
      const directories = this.#directoriesOf(footprint)
      const blocked = directories.find(directory => directory.blocked !== undefined)?.blocked
      if (blocked === undefined) return directories
      await blocked
    }
  }

  #directoriesOf({ names, inodeIds }: Footprint): LocalDirectory[] {
    const { overlay } = this.#tenure
    const found = new Set<LocalDirectory>()
    const add = (inode: LocalInode | undefined): void => {
      for (const place of inode?.places ?? []) found.add(place)
      if (inode?.directory !== undefined) found.add(inode.directory)
    }
    for (const { id, name } of names) {
      const directory = overlay.directories.get(id)
      if (directory === undefined) continue
      found.add(directory)
      add(directory.entries.get(name))
    }
    for (const id of inodeIds) add(overlay.inodes.get(id))
    return [...found]
  }

  /** Directories that are not leased and are changed: what is known of them is not true any more. */
  #markStale({ names }: Footprint): void {
    for (const { id } of names) {
      const inode = this.#tenure.overlay.inodes.get(id)
      if (inode !== undefined && inode.directory === undefined) inode.isStale = true
    }
  }

  /** A file that goes where it is not known here any more is open at the namenode from now on. */
  async #openWritten({ names }: Footprint): Promise<void> {
    for (const { id, name } of names) {
      const inode = this.#tenure.overlay.directories.get(id)?.entries.get(name)
      if (inode?.isOpenHere) await this.#keeper.upgrade(inode)
    }
  }

  /** What cannot be looked at again is not known any more, and given back. */
  async #seeChange(footprint: Footprint, directories: readonly LocalDirectory[]): Promise<void> {
    try {
      await this.#lookAgain(footprint, directories)
    } catch (error) {
      if (!isFsError(error)) throw error
      void this.#keeper.giveBack(directories)
    }
  }

  async #lookAgain({ names, inodeIds }: Footprint, directories: readonly LocalDirectory[]): Promise<void> {
    const { overlay } = this.#tenure
    const isHeld = (directory: LocalDirectory): boolean =>
      !this.#tenure.isOver && overlay.directories.get(directory.id) === directory
    for (const { id, name } of names) {
      const directory = directories.find(one => one.id === id)
      if (directory === undefined || !isHeld(directory)) continue
      const status = await this.#statusOf(`${inodePath(id)}/${name}`)
      if (isHeld(directory)) this.#replace(directory, name, status)
    }
    const others = new Set([...inodeIds, ...directories.map(({ id }) => id)])
    for (const id of others) {
      const inode = overlay.inodes.get(id)
      if (inode === undefined) continue
      inode.isPlain = false
      const status = await this.#statusOf(inodePath(id))
      if (status !== undefined) inode.status = status
    }
    overlay.reachEpoch += 1
  }

  #replace(directory: LocalDirectory, name: string, status: FileStatus | undefined): void {
    const { overlay } = this.#tenure
    const known = directory.entries.get(name)
    if (known !== undefined && known.id !== status?.id) {
      if (known.directory !== undefined && status === undefined) overlay.release(known.directory)
      overlay.take(directory, name)
    }
    if (status === undefined) return
    const inode = overlay.inode(status)
    inode.status = status
    inode.isStale = false
    inode.isPlain = false
    inode.own = undefined
    if (!directory.entries.has(name)) overlay.put(directory, name, inode)
  }

  async #statusOf(path: string): Promise<FileStatus | undefined> {
    try {
      return (await this.#rpc.call(stat, { path, followLast: false })).status
    } catch (error) {
      if (isFsError(error, 'NOT_FOUND') || isFsError(error, 'STALE')) return undefined
      throw error
    }
  }
}

/** Answers how to let local calls go on. */
function block(directories: readonly LocalDirectory[]): () => void {
  let done: (() => void) | undefined
  const until = new Promise<void>(resolve => {
    done = resolve
  })
  for (const directory of directories) directory.blocked = until
  return () => {
    // A recall that came meanwhile goes on waiting for its own end.
    for (const directory of directories) if (directory.blocked === until) directory.blocked = undefined
    done?.()
  }
}
