/** What the operations of one mount share. It wires and counts; the operations decide. */
import { setTimeout as sleep } from 'node:timers/promises'
import type { Logger } from '@hopbine/common/base/log.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import type { Session } from '../../fs/session.ts'
import type { LeasedNamespace, MountClient } from '../../leases/leased-namespace.ts'
import { ROOT_NODE } from '../protocol/constants.ts'
import { type Attributes, type Entry, encodeInvalidateInode } from '../protocol/encode.ts'
import type { RequestHeader } from '../protocol/request.ts'
import type { Counters } from '../session/counters.ts'
import type { AccessTimes } from './access-times.ts'
import { attributesOf } from './attributes.ts'
import type { HandleTable } from './handle-table.ts'
import { hashOfPlace } from './hashes.ts'
import type { Identity } from './identity.ts'
import type { KernelCache, Stamp } from './kernel-cache.ts'
import type { MountLocks } from './mount-locks.ts'
import type { NodeTable } from './node-table.ts'
import type { OpenInodes } from './open-inodes.ts'
import { NO_VERSION, versionOf } from './page-versions.ts'
import { WriteMemory } from './write-memory.ts'

export interface MountParts {
  /** The mount's own session: reads and writes of what was opened with right. */
  readonly session: Session
  readonly rpc: MountClient
  /** Undefined: every call goes to the namenode. */
  readonly leases: LeasedNamespace | undefined
  readonly logger: Logger
  readonly nodes: NodeTable
  readonly openInodes: OpenInodes
  readonly handles: HandleTable
  readonly locks: MountLocks
  readonly identity: Identity
  readonly cache: KernelCache
  readonly accessTimes: AccessTimes
  readonly rootInode: number
  /** The connection may speak for everybody; otherwise all act as its own principal. */
  readonly isOperator: boolean
}

/** How long the kernel may take to drop the pages of a file, in milliseconds. */
const DROP_MS = 20
/** Open inodes told with a removal; beyond it only those that are known by the name removed. */
const OPEN_INODES_TOLD_MAX = 256

export class MountContext {
  readonly parts: MountParts
  readonly writeMemory = new WriteMemory()
  /** Set once the session with the kernel stands. */
  counters: Counters | undefined
  /** Tells the kernel something that it did not ask. */
  notify: ((message: Buffer) => void) | undefined
  /** The same for what the kernel may have to wait for. */
  notifyInPool: ((message: Buffer) => Promise<unknown>) | undefined

  constructor(parts: MountParts) {
    this.parts = parts
  }

  /** The caller's own voice at the namenode. Root is the operator, as on a local disk. */
  as(header: RequestHeader): RpcCaller {
    const { rpc, isOperator, identity } = this.parts
    return !isOperator || header.uid === 0 ? rpc : rpc.as(identity.speakerOf(header))
  }

  /** A session whose first call proves the caller's right; what follows belongs to the open file. */
  provenBy(header: RequestHeader): Session {
    const { session } = this.parts
    const caller = this.as(header)
    let isProven = false
    const rpc: RpcCaller = {
      call: (method, request, options) => {
        const who = isProven ? session.rpc : caller
        isProven = true
        return who.call(method, request, options)
      },
    }
    return { ...session, rpc }
  }

  path(nodeId: number): string {
    return inodePath(this.parts.nodes.inodeOf(nodeId))
  }

  child(nodeId: number, name: string): string {
    return `${inodePath(this.parts.nodes.inodeOf(nodeId))}/${name}`
  }

  attributes(status: WireStatus): Attributes {
    const { nodes, identity, accessTimes } = this.parts
    const node = nodes.find(status.id)
    if (node !== undefined) {
      node.told = versionOf(status)
      // The kernel sees by itself that its pages are of another version.
      if (node.pages !== NO_VERSION && !node.looksLikePages(status)) node.setPages(status)
    }
    const atime = accessTimes.shown(status)
    return attributesOf(status, status.id, identity, nodes.openFile(status.id)?.overlay, atime)
  }

  /** Remembers FLAG bits that were asked for at `stamp`, unless a change has overtaken them. */
  learnFlags(status: WireStatus, stamp: Stamp): void {
    const { nodes, cache, rootInode } = this.parts
    // The kernel never looks the top of the mount up.
    const node = status.id === rootInode ? nodes.node(rootInode) : nodes.find(status.id)
    const atMs = cache.isFresh(stamp, status.id) ? stamp.sentMs : Number.NEGATIVE_INFINITY
    node?.setFlags(status.flags, atMs)
  }

  /** This mount changed something that FLAG bits tell of. */
  forgetFlags(nodeId: number): void {
    this.parts.nodes.find(this.parts.nodes.inodeOf(nodeId))?.forgetFlags()
  }

  /** FLAG bits of a node, while they are as fresh as attributes that the kernel may use without asking. */
  knownFlags(nodeId: number): number | undefined {
    const node = this.parts.nodes.find(this.parts.nodes.inodeOf(nodeId))
    const { cacheMs } = this.parts.cache
    return node !== undefined && performance.now() - node.flagsAtMs < cacheMs ? node.flags : undefined
  }

  /**
   * The kernel forgets attributes that are no longer true. It takes no lock for that, so it may be told at
   * any time.
   */
  refresh(status: WireStatus): void {
    const { nodes } = this.parts
    const node = nodes.find(status.id)
    if (node === undefined || node.told === NO_VERSION || node.told === versionOf(status)) return
    node.told = NO_VERSION
    this.notify?.(encodeInvalidateInode(nodes.nodeIdOf(status.id), -1, 0))
  }

  /**
   * Before the kernel hears attributes that look like those of the pages it has, though the content is
   * another, it forgets the pages. It may be busy with them; then it is not waited for for long.
   */
  dropPages(status: WireStatus): Promise<unknown> | undefined {
    const node = this.parts.nodes.find(status.id)
    if (node === undefined || !this.#hasOtherPages(status)) return undefined
    node.setPages(status)
    const message = encodeInvalidateInode(this.parts.nodes.nodeIdOf(status.id), 0, 0)
    return Promise.race([this.notifyInPool?.(message), sleep(DROP_MS)])
  }

  #hasOtherPages(status: WireStatus): boolean {
    const open = this.parts.nodes.openFile(status.id)
    if (open === undefined || open.hasWriter) return false
    return this.parts.nodes.node(status.id).looksLikePages(status)
  }

  /** Saves what every open file has written. Throws the first failure after all were tried. */
  async syncAll(): Promise<void> {
    await this.parts.accessTimes.tell()
    const results = await Promise.allSettled([...this.parts.nodes.openFiles()].map(file => file.sync()))
    await this.parts.leases?.sync()
    const failed = results.find(result => result.status === 'rejected')
    if (failed !== undefined) throw failed.reason
  }

  /**
   * Inodes that are open here and may be behind a name: the namenode keeps one of them that loses its last
   * name. All of them while they are few, since the last name need not be the one that we know.
   */
  openInodes(parent: number, name: string): number[] {
    const { nodes } = this.parts
    const isFew = nodes.openCount <= OPEN_INODES_TOLD_MAX
    const files = isFew ? [...nodes.openFiles()] : nodes.openAt(this.#place(parent, name))
    return files.map(file => file.inodeId)
  }

  /** A name moved: open files behind it are known by the new one. */
  moved(parent: number, name: string, newParent: number, newName: string): void {
    const { nodes } = this.parts
    const [from, to] = [this.#place(parent, name), this.#place(newParent, newName)]
    // The kernel moves what it knows of a name along with it.
    const { cache } = this.parts
    cache.tell(nodes.inodeOf(parent), name)
    cache.tell(nodes.inodeOf(newParent), newName)
    const [there, here] = [nodes.openAt(from), nodes.openAt(to)]
    for (const { inodeId } of there) nodes.setPlace(inodeId, to)
    for (const { inodeId } of here) nodes.setPlace(inodeId, from)
  }

  #place(parent: number, name: string): number {
    return hashOfPlace(this.parts.nodes.inodeOf(parent), name)
  }

  /** The namenode keeps these for us until they are released; it must hear that we live meanwhile. */
  orphaned(kept: readonly number[] = []): void {
    const { nodes, session } = this.parts
    for (const inodeId of kept) nodes.openFile(inodeId)?.setOrphan(session.leases.hold())
  }

  /** Nobody waits for this answer any more. */
  tellLateFailure(inodeId: number, error: unknown): void {
    if (this.counters !== undefined) this.counters.lateFailures += 1
    const { message } = error as Error
    this.parts.logger.error({ inodeId, message }, 'a file could not be saved after its close')
  }

  /**
   * An entry for the kernel, which from now on remembers the node; `parent` is the node of its directory,
   * `stamp` from before it was asked for.
   */
  entry(status: WireStatus, parent: number, stamp: Stamp): Entry {
    const { nodes, cache } = this.parts
    nodes.remember(status.id, this.#place(parent, status.name))
    this.learnFlags(status, stamp)
    const lifetimes = {
      entryMs: cache.entryMs(stamp, nodes.inodeOf(parent), status.name),
      // Asked again, they are answered when the pages are gone.
      attributesMs: this.#hasOtherPages(status) ? 0 : cache.attributesMs(stamp, status.id),
    }
    return { nodeId: nodes.nodeIdOf(status.id), attributes: this.attributes(status), lifetimes }
  }

  /** The kernel did not take an entry. */
  forgetEntry(entry: Entry): void {
    const { nodes } = this.parts
    if (entry.nodeId !== ROOT_NODE) nodes.forget(nodes.inodeOf(entry.nodeId), 1)
  }
}
