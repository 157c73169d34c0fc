/**
 * Drops blocks that nobody needs any more, and only after the namenode has confirmed for each that it does
 * not live. Tombstones come with heartbeats; a slow sweep finds blocks whose tombstone was missed. A block
 * that the sweep finds is dropped only when a second sweep, a day later, finds it again.
 */
import { confirmTombstones, liveBlocks } from '@hopbine/common/protocol/cluster.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { BlockName } from '../store/layout.ts'
import type { BlockService } from './service.ts'

/** Blocks in one question to the namenode. */
const BATCH_MAX = 1000
/** Tombstones that wait to be worked on; more are told again by a later heartbeat. */
const WAITING_MAX = 100_000
const SWEEP_PERIOD_MS = 6 * 60 * 60_000
/** A block must be unknown to the namenode for so long before a sweep drops it, in milliseconds. */
const ORPHAN_MS = 24 * 60 * 60_000
/** Time for one call, in milliseconds. */
const CALL_MS = 10_000

export class Tombstones {
  readonly #service: BlockService
  readonly #nodeId: string
  readonly #namenode: () => RpcClient
  readonly #waiting = new Map<number, BlockName>()
  /** When a sweep first found a block unknown, on the monotonic clock; forgotten with the process. */
  readonly #orphans = new Map<number, number>()
  #working: Promise<void> | undefined
  #timer: NodeJS.Timeout | undefined
  #stopped = false

  constructor(service: BlockService, nodeId: string, namenode: () => RpcClient) {
    this.#service = service
    this.#nodeId = nodeId
    this.#namenode = namenode
  }

  start(): void {
    this.#timer = setInterval(() => void this.#guard(() => this.sweep()), SWEEP_PERIOD_MS)
    this.#timer.unref()
  }

  async stop(): Promise<void> {
    this.#stopped = true
    clearInterval(this.#timer)
    await this.#working
  }

  receive(tombstones: readonly BlockName[]): void {
    for (const name of tombstones) {
      if (this.#waiting.size >= WAITING_MAX) break
      this.#waiting.set(name.blockId, name)
    }
    if (this.#waiting.size > 0) void this.#guard(() => this.#work())
  }

  /** Asks about every block held; answers how many were dropped. */
  async sweep(nowMs = performance.now()): Promise<number> {
    let batch: BlockName[] = []
    let dropped = 0
    const seen = new Set<number>()
    const ask = async (): Promise<void> => {
      dropped += await this.#askOrphans(batch, seen, nowMs)
      batch = []
    }
    for await (const name of this.#service.store.names()) {
      if (this.#stopped) return dropped
      batch.push(name)
      if (batch.length === BATCH_MAX) await ask()
    }
    if (batch.length > 0) await ask()
    for (const blockId of this.#orphans.keys()) if (!seen.has(blockId)) this.#orphans.delete(blockId)
    return dropped
  }

  async #askOrphans(batch: readonly BlockName[], seen: Set<number>, nowMs: number): Promise<number> {
    const ripe: BlockName[] = []
    for (const name of await this.#dead(batch)) {
      seen.add(name.blockId)
      const since = this.#orphans.get(name.blockId) ?? nowMs
      this.#orphans.set(name.blockId, since)
      if (nowMs - since >= ORPHAN_MS) ripe.push(name)
    }
    await this.#drop(ripe)
    return ripe.length
  }

  async #work(): Promise<void> {
    while (this.#waiting.size > 0 && !this.#stopped) {
      const batch = [...this.#waiting.values()].slice(0, BATCH_MAX)
      const dead = await this.#dead(batch)
      await this.#drop(dead)
      if (dead.length > 0) {
        const blockIds = dead.map(name => name.blockId)
        await this.#namenode().call(confirmTombstones, { nodeId: this.#nodeId, blockIds }, options())
      }
      // What still lives keeps its tombstone at the namenode, and comes again when its time has come.
      for (const name of batch) this.#waiting.delete(name.blockId)
    }
  }

  /** The blocks of which the namenode says that they do not live. */
  async #dead(batch: readonly BlockName[]): Promise<BlockName[]> {
    const blockIds = batch.map(name => name.blockId)
    const { live } = await this.#namenode().call(liveBlocks, { blockIds }, options())
    return batch.filter((_name, index) => live[index] === false)
  }

  async #drop(names: readonly BlockName[]): Promise<void> {
    for (const name of names) {
      await this.#service.claims.get(name.blockId)?.giveUp()
      await this.#service.store.drop(name)
      this.#orphans.delete(name.blockId)
      this.#service.counters.droppedBlocks.inc()
      this.#service.report('block-dropped', { blockId: name.blockId, group: name.group })
    }
  }

  /** One piece of work at a time; a namenode that is away is asked again at a later heartbeat. */
  #guard(work: () => Promise<unknown>): Promise<void> {
    this.#working ??= work()
      .then(
        () => undefined,
        error => {
          const { message } = this.#service.answerFor(error)
          if (!this.#stopped) this.#service.report('tombstones-delayed', { message })
        },
      )
      .finally(() => {
        this.#working = undefined
      })
    return this.#working
  }
}

function options(): { retryMs: number; signal: AbortSignal } {
  return { retryMs: 0, signal: AbortSignal.timeout(CALL_MS) }
}
