/**
 * Takes leases of directories and gives them back: when they are asked for, when others want them, and when
 * there are too many. A directory that is on its way in or out makes local calls wait.
 */
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { acquireDirectory, releaseDirectory } from '@hopbine/common/protocol/directory-leases.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import { append } from '@hopbine/common/protocol/metadata.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import type { LeaseCounters } from './lease-counters.ts'
import type { LocalDirectory, LocalInode } from './overlay.ts'
import type { Tenure } from './tenure.ts'

/** Directories given back at once when there are too many. */
const ROOM_DIRECTORIES = 1_024
/** Period in which a directory is used, or given back, in milliseconds. */
const IDLE_MS = 120_000
/** Refusals remembered, so that the same directory is not asked for again too soon. */
const REFUSALS_MAX = 65_536
/** When to ask again for what could not be asked for, in milliseconds. */
const FAILED_RETRY_MS = 1_000
/** Between two tries to hand in what others wait for, in milliseconds. */
const PAUSE_MS = 100

export interface KeeperParts {
  readonly tenure: Tenure
  readonly rpc: RpcCaller
  readonly counters: LeaseCounters
  /** Directories that nobody used for so long, or up to twice as long, are given back, in milliseconds. */
  readonly idleMs: number | undefined
}

export class LeaseKeeper {
  readonly #parts: KeeperParts
  readonly #acquiring = new Map<number, Promise<boolean>>()
  /** Wanted back before it was known here that they were given. */
  readonly #recalledEarly = new Set<number>()
  /** When a directory that was refused may be asked for again, by the monotonic clock. */
  readonly #refusedUntil = new Map<number, number>()
  #makingRoom: Promise<void> | undefined

  constructor(parts: KeeperParts) {
    this.#parts = parts
    parts.tenure.onCrowded = () => this.#makeRoom()
    const timer = setInterval(() => {
      if (parts.tenure.isOver) clearInterval(timer)
      else this.#giveBackIdle()
    }, parts.idleMs ?? IDLE_MS).unref()
  }

  /** True when all of these are leased, or may be: the call is tried again. */
  async acquireAll(inodeIds: readonly number[]): Promise<boolean> {
    const now = performance.now()
    if (inodeIds.some(id => (this.#refusedUntil.get(id) ?? 0) > now)) return false
    const results = await Promise.all(inodeIds.map(id => this.#acquire(id)))
    return results.every(isGranted => isGranted)
  }

  #acquire(inodeId: number): Promise<boolean> {
    let asked = this.#acquiring.get(inodeId)
    if (asked === undefined) {
      asked = this.#ask(inodeId).finally(() => this.#acquiring.delete(inodeId))
      this.#acquiring.set(inodeId, asked)
    }
    return asked
  }

  async #ask(inodeId: number): Promise<boolean> {
    const { tenure, rpc, counters } = this.#parts
    const { inodes, removed } = tenure.overlay
    const pending = inodes.get(inodeId)?.pending ?? removed.get(inodeId) ?? 0
    try {
      if (!tenure.queue.isSettled(pending)) await tenure.queue.sync(pending)
    } catch (error) {
      if (!isFsError(error, 'NO_SPACE')) throw error
      // What frees space passes at the namenode.
      this.#refuse(inodeId, FAILED_RETRY_MS)
      return false
    }
    const request = { queueId: tenure.queueId, inodeId, ids: tenure.ids.wanted }
    const answer = await rpc.call(acquireDirectory, request).catch((error: unknown) => {
      // The call itself, which goes to the namenode then, tells what is wrong.
      if (!isFsError(error)) throw error
      return { granted: false, retryMs: FAILED_RETRY_MS } as const
    })
    if (tenure.isOver) return false
    if (!answer.granted) {
      counters.refused += 1
      this.#refuse(inodeId, answer.retryMs)
      return false
    }
    counters.acquired += 1
    tenure.ids.add(answer.firstId, answer.ids)
    tenure.queue.rooms.begun(answer.quotaRoot, answer)
    if (!tenure.overlay.directories.has(inodeId)) {
      tenure.overlay.lease(answer.status, answer.entries, answer.quotaRoot)
    }
    if (this.#recalledEarly.delete(inodeId)) this.recall([inodeId])
    return true
  }

  #refuse(inodeId: number, retryMs: number): void {
    if (this.#refusedUntil.size >= REFUSALS_MAX) this.#refusedUntil.clear()
    this.#refusedUntil.set(inodeId, performance.now() + retryMs)
  }

  /** Others wait for these. Whatever is on its way to the namenode is not waited for. */
  recall(inodeIds: readonly number[]): void {
    const { tenure, counters } = this.#parts
    const startedMs = performance.now()
    const held: LocalDirectory[] = []
    for (const id of inodeIds) {
      const directory = tenure.overlay.directories.get(id)
      if (directory !== undefined) held.push(directory)
      else if (this.#acquiring.has(id)) this.#recalledEarly.add(id)
      else this.#releaseUnknown(id)
    }
    if (held.length === 0) return
    void this.giveBack(held).then(() => counters.gaveBack(performance.now() - startedMs))
  }

  /** The namenode has it as ours, and nobody here knows of it. */
  #releaseUnknown(inodeId: number): void {
    const { tenure } = this.#parts
    if (tenure.isOver) return
    tenure.queue.add({
      method: releaseDirectory,
      request: { inodeId },
      principal: tenure.self,
      time: tenure.time(),
      about: [],
    })
    void this.#committed(tenure.queue.lastTicket)
  }

  /** Resolves when the directories are given back, or the queue has ended. Never rejects. */
  giveBack(directories: readonly LocalDirectory[]): Promise<void> {
    const leaving = directories.filter(({ isLeaving }) => !isLeaving)
    const others = directories.filter(({ isLeaving }) => isLeaving).map(({ blocked }) => blocked)
    if (leaving.length > 0) {
      const gone = this.#handIn(leaving)
      for (const directory of leaving) {
        directory.isLeaving = true
        directory.blocked = gone
      }
      others.push(gone)
    }
    return Promise.all(others).then(() => undefined)
  }

  async #handIn(directories: readonly LocalDirectory[]): Promise<void> {
    const { tenure } = this.#parts
    // The directories are marked first.
    await Promise.resolve()
    const open = directories.flatMap(({ entries }) => [...entries.values()].filter(inode => inode.isOpenHere))
    await Promise.all(open.map(inode => this.#upgradePatiently(inode)))
    if (tenure.isOver) return
    for (const directory of directories) {
      // It may have been removed meanwhile by a change at the namenode.
      if (tenure.overlay.directories.get(directory.id) !== directory) continue
      tenure.queue.add({
        method: releaseDirectory,
        request: { inodeId: directory.id },
        principal: tenure.self,
        time: tenure.time(),
        about: [],
      })
    }
    await this.#committed(tenure.queue.lastTicket)
    if (tenure.isOver) return
    for (const directory of directories) {
      if (tenure.overlay.directories.get(directory.id) === directory) tenure.overlay.release(directory)
      directory.blocked = undefined
    }
  }

  /** Resolves when an operation is committed or the queue has ended, however often a try fails. */
  async #committed(ticket: number): Promise<void> {
    const { tenure } = this.#parts
    while (!tenure.isOver) {
      try {
        return await tenure.queue.sync(ticket)
      } catch (error) {
        if (!isFsError(error)) throw error
      }
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** The namenode knows from now on that the file is open for writing by this session. */
  async upgrade(inode: LocalInode): Promise<void> {
    if (inode.busy !== undefined) return inode.busy
    const work = this.#openAtServer(inode)
    const settled = work.catch(() => undefined)
    inode.busy = settled
    try {
      await work
    } finally {
      if (inode.busy === settled) inode.busy = undefined
    }
  }

  async #openAtServer(inode: LocalInode): Promise<void> {
    const { tenure, rpc } = this.#parts
    await Promise.resolve()
    if (!tenure.queue.isSettled(inode.pending)) await tenure.queue.sync(inode.pending)
    const { status } = await rpc.call(append, { path: inodePath(inode.id) })
    inode.isOpenHere = false
    inode.draft = undefined
    inode.own = undefined
    if (tenure.queue.isSettled(inode.pending)) inode.status = status
    else inode.status.flags = status.flags
  }

  /** A file that is gone needs no writer; anything else is tried until the queue ends. */
  async #upgradePatiently(inode: LocalInode): Promise<void> {
    const { tenure } = this.#parts
    while (!tenure.isOver && inode.isOpenHere) {
      try {
        return await this.upgrade(inode)
      } catch (error) {
        if (!isFsError(error)) throw error
        if (isFinal(error)) inode.isOpenHere = false
      }
      await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
    }
  }

  /** What is not used costs others a recall, and the namenode a row. */
  #giveBackIdle(): void {
    const { tenure, counters } = this.#parts
    if (tenure.sender.trouble !== undefined) return
    const idle = tenure.overlay.idle().filter(({ blocked }) => blocked === undefined)
    counters.idle += idle.length
    if (idle.length > 0) void this.giveBack(idle)
  }

  /** Gives back what was used longest ago. */
  #makeRoom(): Promise<void> {
    const { overlay } = this.#parts.tenure
    this.#makingRoom ??= this.giveBack([...overlay.directories.values()].slice(0, ROOM_DIRECTORIES)).finally(
      () => {
        this.#makingRoom = undefined
      },
    )
    return this.#makingRoom
  }
}

function isFinal(error: FsError): boolean {
  return error.code === 'STALE' || error.code === 'NOT_FOUND' || error.code === 'LEASE_CONFLICT'
}
