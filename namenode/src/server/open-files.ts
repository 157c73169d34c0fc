/**
 * Which sessions have which inodes open, as they say: soft state of the leader. It tells commands that take
 * last names away for whom an inode is kept, lets opens wait for such commands that are under way, and passes
 * on or drops what a session has closed. After a restart everything is kept until sessions had time to speak.
 */
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { access, endSession, open } from '@hopbine/common/protocol/metadata.ts'
import type { Method, RequestOf } from '@hopbine/common/protocol/method.ts'
import { type declareOpenInodes, OPEN_INODES_MAX } from '@hopbine/common/protocol/open-inodes.ts'
import { isOrphanOf, orphansOf, sessionsWithOrphans } from '../namespace/orphans.ts'
import { passOrphans } from '../operations/internal.ts'
import { UNKNOWN_OWNER } from '../operations/open-elsewhere.ts'
import type { OpenFiles as OpenFilesView } from '../operations/operation.ts'
import type { Replica } from '../replica/replica.ts'
import type { PromptMark } from './caching-mark.ts'
import { inodeNamed } from './interest-rules.ts'
import type { Writers } from './writers.ts'

/** After a restart, sessions have so long to say what they have open, in milliseconds. */
const GRACE_MS = 15_000
const SWEEP_MS = 2_000
const SESSIONS_MAX = 1024

/** A command under way that may take last names. */
interface Taking {
  /** 0: any inode. */
  readonly inodes: ReadonlySet<number>
  readonly clientId: string
  readonly waiting: (() => void)[]
}

interface Closed {
  readonly clientId: string
  readonly inodeId: number
}

export interface OpenFilesOptions {
  readonly host: Host
  readonly logger: Logger
  readonly replica: Replica
  readonly writers: Writers
  readonly mark: PromptMark
  readonly graceMs?: number
}

export class OpenFiles implements OpenFilesView {
  readonly #options: OpenFilesOptions
  readonly #sessions = new Map<string, Set<number>>()
  readonly #holders = new Map<number, Set<string>>()
  readonly #taking = new Set<Taking>()
  #preparing: number[] = []
  /** Inodes that a session closed, or may have, while a command could make them its orphans. */
  #closed: Closed[] = []
  #isGrace: boolean
  readonly #stop: () => void

  constructor(options: OpenFilesOptions) {
    this.#options = options
    const { timers } = options.host
    this.#isGrace = options.mark.isSet
    if (this.#isGrace) timers.after(options.graceMs ?? GRACE_MS, () => (this.#isGrace = false))
    this.#stop = timers.every(SWEEP_MS, () => this.#sweep())
  }

  /** Inodes that sessions have open. */
  get count(): number {
    return this.#holders.size
  }

  get isBehind(): boolean {
    return this.#options.replica.pending > 0
  }

  stop(): void {
    this.#stop()
    if (!this.#isGrace && this.#sessions.size === 0) this.#options.mark.clear()
  }

  declare(clientId: string, { all, opened, closed }: RequestOf<typeof declareOpenInodes>): void {
    this.#options.writers.spoke(clientId)
    const known = this.#sessions.get(clientId)
    if (known === undefined && opened.length === 0) return
    const session = known ?? this.#begin(clientId)
    if (session === undefined) return
    const gone = new Set(closed)
    if (all) for (const inodeId of session) gone.add(inodeId)
    for (const inodeId of opened) {
      gone.delete(inodeId)
      if (session.size < OPEN_INODES_MAX) this.#add(clientId, session, inodeId)
    }
    this.#close(clientId, session, gone)
  }

  /** A command was applied that may end a session. */
  applied({ id }: Method<unknown, unknown>, request: unknown): void {
    if (id === endSession.id) this.#end((request as RequestOf<typeof endSession>).clientId)
  }

  isNothing(besides: string): boolean {
    if (this.#isGrace) return false
    return this.#sessions.size === 0 || (this.#sessions.size === 1 && this.#sessions.has(besides))
  }

  holder(inodeId: number, besides: string): string {
    if (this.#isGrace) return UNKNOWN_OWNER
    const { writers, replica } = this.#options
    for (const clientId of this.#holders.get(inodeId) ?? []) {
      if (clientId !== besides && !writers.isDead(clientId)) return clientId
    }
    // A file that was just made is open before its session can say so.
    const writer = replica.state.sessions.holderOf(inodeId)
    return writer !== besides && this.#sessions.has(writer) ? writer : ''
  }

  /** After a restart what sessions have open in a tree is known when they have said it. */
  within(slot: number, besides: string): { inodeId: number; owner: string }[] {
    const { entries, directories } = this.#options.replica.state
    const found: { inodeId: number; owner: string }[] = []
    for (const inodeId of this.#holders.keys()) {
      const row = entries.findId(inodeId)
      const parent = row === undefined ? -1 : directories.findId(row.parentId)
      if (parent < 0 || !directories.isWithin(parent, slot)) continue
      const owner = this.holder(inodeId, besides)
      if (owner !== '') found.push({ inodeId, owner })
    }
    return found
  }

  newest(besides: string): number {
    if (this.#isGrace) return Number.MAX_SAFE_INTEGER
    let newest = 0
    for (const [clientId, inodes] of this.#sessions) {
      if (clientId === besides) continue
      for (const inodeId of inodes) if (inodeId > newest) newest = inodeId
    }
    return newest
  }

  taking(inodeId: number): void {
    this.#preparing.push(inodeId)
  }

  /** What the last prepared command takes is under way; the returned function ends that. */
  begin(clientId: string): (() => void) | undefined {
    if (this.#preparing.length === 0) return undefined
    const taking: Taking = { inodes: new Set(this.#preparing), clientId, waiting: [] }
    this.#preparing = []
    this.#taking.add(taking)
    return () => {
      this.#taking.delete(taking)
      this.#settle()
      for (const go of taking.waiting) go()
    }
  }

  /** Forgets what a command that was refused while it was prepared would have taken. */
  reset(): void {
    if (this.#preparing.length > 0) this.#preparing = []
  }

  /**
   * True if the request opens what a command under way may take; `again` is called when that is decided.
   */
  delays(clientId: string, { id }: Method<unknown, unknown>, request: unknown, again: () => void): boolean {
    if (this.#taking.size === 0 || (id !== open.id && id !== access.id)) return false
    if (!this.#sessions.has(clientId)) return false
    const inodeId = inodeNamed((request as { readonly path: string }).path)
    for (const { inodes, clientId: taker, waiting } of this.#taking) {
      if (taker === clientId || !(inodes.has(0) || inodes.has(inodeId))) continue
      waiting.push(again)
      return true
    }
    return false
  }

  #begin(clientId: string): Set<number> | undefined {
    if (this.#sessions.size >= SESSIONS_MAX) return undefined
    this.#options.mark.set()
    const session = new Set<number>()
    this.#sessions.set(clientId, session)
    return session
  }

  #add(clientId: string, session: Set<number>, inodeId: number): void {
    session.add(inodeId)
    const holders = this.#holders.get(inodeId)
    if (holders === undefined) this.#holders.set(inodeId, new Set([clientId]))
    else holders.add(clientId)
  }

  #close(clientId: string, session: Set<number>, inodeIds: Iterable<number>): void {
    for (const inodeId of inodeIds) {
      session.delete(inodeId)
      const holders = this.#holders.get(inodeId)
      holders?.delete(clientId)
      if (holders?.size === 0) this.#holders.delete(inodeId)
      this.#closed.push({ clientId, inodeId })
    }
    this.#settle()
  }

  #end(clientId: string): void {
    const session = this.#sessions.get(clientId)
    if (session === undefined) return
    this.#close(clientId, session, [...session])
    this.#sessions.delete(clientId)
  }

  /** Passes on what was closed and is an orphan of who closed it. */
  #settle(): void {
    if (this.#closed.length === 0) return
    const { state } = this.#options.replica
    const items: { inodeId: number; from: string }[] = []
    const later: Closed[] = []
    for (const closed of this.#closed) {
      const { clientId, inodeId } = closed
      if (this.#sessions.get(clientId)?.has(inodeId)) continue
      if (isOrphanOf(state, clientId, inodeId)) items.push({ inodeId, from: clientId })
      else if (this.#mayTake(inodeId)) later.push(closed)
    }
    this.#closed = later
    this.#pass(items)
  }

  #mayTake(inodeId: number): boolean {
    for (const { inodes } of this.#taking) if (inodes.has(0) || inodes.has(inodeId)) return true
    return false
  }

  #pass(from: readonly { readonly inodeId: number; readonly from: string }[]): void {
    if (from.length === 0) return
    const { replica, logger } = this.#options
    const items = from.map(item => ({ ...item, to: this.holder(item.inodeId, item.from) }))
    for (const { inodeId } of items) this.taking(inodeId)
    const end = this.begin('')
    replica
      .proposeOwn(passOrphans, { items })
      .finally(() => end?.())
      .catch((error: Error) => {
        logger.warn({ message: error.message }, 'orphans-not-passed-on')
        // The next look tries again.
        for (const { inodeId, from: clientId } of items) this.#closed.push({ clientId, inodeId })
      })
  }

  #sweep(): void {
    const { replica, writers } = this.#options
    if (this.#isGrace) return
    for (const clientId of this.#sessions.keys()) if (writers.isDead(clientId)) this.#end(clientId)
    const from: { inodeId: number; from: string }[] = []
    for (const clientId of sessionsWithOrphans(replica.state)) {
      if (clientId !== UNKNOWN_OWNER && !writers.isDead(clientId)) continue
      for (const inodeId of orphansOf(replica.state, clientId)) {
        if (!this.#mayTake(inodeId)) from.push({ inodeId, from: clientId })
      }
    }
    this.#pass(from)
    this.#settle()
  }
}
