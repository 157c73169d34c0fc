/**
 * Which files shall be rewritten, and who does it. Files whose lease ended are noted, looked at a few at a
 * time, and given to datanodes with their heartbeats when they are wasteful. Soft state: what a restart
 * forgets comes back with the file's next write.
 */
import type { Host } from '@hopbine/common/base/host.ts'
import { isRewritable, isWasteful } from '../namespace/rewrite.ts'
import type { Datanodes } from '../placement/datanodes.ts'
import type { Change } from '../store/change-feed.ts'
import type { ChangeWatcher, Tx } from '../store/tx.ts'

/** Files noted and not looked at yet; further ones are left to their next write. */
const NOTED_MAX = 65_536
/** Files looked at in one second, at about ten microseconds each. */
const LOOKS = 512
const LOOK_MS = 1_000
/** Files that wait for a datanode; further ones are left to their next write. */
const WAITING_MAX = 4096
/** Files that one datanode has at a time; it works on one after the other. */
const ORDERS_MAX = 4
/**
 * A file waits so long for the datanode that has most of it before any other may take it, in milliseconds.
 */
const PREFERENCE_MS = 15_000
/** A datanode that is silent so long is taken off its files, in milliseconds. */
const SILENT_MS = 30_000
/** A file that is still wasteful after an attempt waits so long for the next, four times longer each time. */
const AGAIN_MS = 5_000
const AGAIN_FACTOR = 4
const ATTEMPTS_MAX = 5
/** Changes that may leave a file closed with waste in it. */
const NOTED_CHANGES: ReadonlySet<string> = new Set(['complete', 'truncate', 'lease-expired'])

interface Waiting {
  readonly nodeId: string
  readonly notBeforeMs: number
  readonly attempts: number
}

interface Node {
  heardMs: number
  /** Files it was given, with the attempts before this one. */
  readonly orders: Map<number, number>
}

export class Rewrites {
  readonly #host: Host
  readonly #state: Tx
  readonly #datanodes: Datanodes
  /** Files to look at, with the attempts that were made in vain. */
  readonly #noted = new Map<number, number>()
  readonly #waiting = new Map<number, Waiting>()
  readonly #nodes = new Map<string, Node>()
  readonly #watcher: ChangeWatcher = { changed: change => this.#note(change) }
  readonly #cancel: () => void

  constructor(host: Host, state: Tx, datanodes: Datanodes) {
    this.#host = host
    this.#state = state
    this.#datanodes = datanodes
    state.watchers.add(this.#watcher)
    this.#cancel = host.timers.every(LOOK_MS, () => this.look())
  }

  /** Files that wait or are being rewritten. */
  get pending(): number {
    let count = this.#waiting.size
    for (const { orders } of this.#nodes.values()) count += orders.size
    for (const attempts of this.#noted.values()) if (attempts > 0) count += 1
    return count
  }

  stop(): void {
    this.#cancel()
    this.#state.watchers.delete(this.#watcher)
  }

  /** A datanode tells what it is at; answers what it shall rewrite besides. Looks at memory only. */
  heard(nodeId: string, rewriting: readonly number[]): { inodeId: number }[] {
    const nowMs = this.#host.clock.monotonicMs()
    const node = this.#nodes.get(nodeId) ?? { heardMs: nowMs, orders: new Map<number, number>() }
    node.heardMs = nowMs
    for (const [inodeId, attempts] of node.orders) {
      if (rewriting.includes(inodeId)) continue
      node.orders.delete(inodeId)
      this.#ended(inodeId, attempts + 1)
    }
    // After a restart of this namenode the datanode knows better.
    for (const inodeId of rewriting) if (!node.orders.has(inodeId)) node.orders.set(inodeId, 0)
    const given = this.#take(nodeId, ORDERS_MAX - node.orders.size, nowMs)
    for (const { inodeId, attempts } of given) node.orders.set(inodeId, attempts)
    if (node.orders.size > 0) this.#nodes.set(nodeId, node)
    else this.#nodes.delete(nodeId)
    return given.map(({ inodeId }) => ({ inodeId }))
  }

  /** Looks at some of the noted files, and takes silent datanodes off theirs. */
  look(): void {
    let looks = Math.min(LOOKS, this.#noted.size)
    for (const [inodeId, attempts] of this.#noted) {
      if (looks === 0) break
      looks -= 1
      this.#noted.delete(inodeId)
      // What is at work already is looked at when that is over.
      if (this.#isOrdered(inodeId)) this.#noted.set(inodeId, attempts)
      else this.#consider(inodeId, attempts)
    }
    const nowMs = this.#host.clock.monotonicMs()
    for (const [nodeId, { heardMs, orders }] of this.#nodes) {
      if (nowMs - heardMs < SILENT_MS) continue
      this.#nodes.delete(nodeId)
      for (const [inodeId, attempts] of orders) this.#ended(inodeId, attempts + 1)
    }
  }

  #note({ what, inodeId }: Change): void {
    if (!NOTED_CHANGES.has(what) || this.#noted.has(inodeId)) return
    if (this.#noted.size < NOTED_MAX) this.#noted.set(inodeId, 0)
  }

  /** A file that was written meanwhile begins anew, after a pause all the same. */
  #ended(inodeId: number, attempts: number): void {
    const counted = this.#noted.has(inodeId) ? 1 : attempts
    if (counted < ATTEMPTS_MAX) this.#noted.set(inodeId, counted)
  }

  #consider(inodeId: number, attempts: number): void {
    if (this.#waiting.size >= WAITING_MAX) return
    const row = this.#state.entries.findId(inodeId)
    if (!isRewritable(row) || !isWasteful(this.#state, row)) return
    const first = this.#state.extents.some(inodeId, 1)[0]
    if (first === undefined) return
    const nodeId = this.#datanodes.locate(first.blockId, '').members[0]?.nodeId ?? ''
    const delayMs = attempts === 0 ? 0 : AGAIN_MS * AGAIN_FACTOR ** (attempts - 1)
    const notBeforeMs = this.#host.clock.monotonicMs() + delayMs
    this.#waiting.set(inodeId, { nodeId, notBeforeMs, attempts })
  }

  #isOrdered(inodeId: number): boolean {
    if (this.#waiting.has(inodeId)) return true
    return [...this.#nodes.values()].some(({ orders }) => orders.has(inodeId))
  }

  #take(nodeId: string, max: number, nowMs: number): { inodeId: number; attempts: number }[] {
    const taken: { inodeId: number; attempts: number }[] = []
    for (const [inodeId, waiting] of this.#waiting) {
      if (taken.length >= max) break
      const isOpenToAll = nowMs - waiting.notBeforeMs >= PREFERENCE_MS
      if (nowMs < waiting.notBeforeMs || (waiting.nodeId !== nodeId && !isOpenToAll)) continue
      this.#waiting.delete(inodeId)
      taken.push({ inodeId, attempts: waiting.attempts })
    }
    return taken
  }
}
