/**
 * What the leader knows of its datanodes at this moment: who lives, how much room there is, what was found
 * bad. Soft state, rebuilt from heartbeats within seconds; the registered nodes themselves are rows of the
 * store.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Clock } from '@hopbine/common/base/host.ts'
import { CAPABILITY_MS } from '@hopbine/common/base/limits.ts'
import { CAPABILITY_MODE, mintCapability } from '@hopbine/common/protocol/capability.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { groupOf, orderOf } from '../namespace/placement.ts'
import type { DatanodeRow } from '../store/tables/datanode-table.ts'

/** A node silent for so long gets no new blocks and is read from last, in milliseconds. */
const SILENT_MS = 10_000
/** Blocks are immutable once sealed and never written anew: they have one generation. */
const GENERATION = 1
/** What a capability that names no block carries in place of one. */
const NO_BLOCK = { blockId: 0, generation: 0, group: 0 }

export interface Heartbeat {
  readonly capacityBytes: number
  readonly freeBytes: number
  readonly blocks: number
  readonly full: boolean
}

interface Seen extends Heartbeat {
  readonly atMs: number
}

export class Datanodes {
  readonly #clock: Clock
  readonly #registered: () => readonly DatanodeRow[]
  readonly #key: Uint8Array
  readonly #epoch: () => number
  readonly #seen = new Map<string, Seen>()
  readonly #badBlocks = new Map<string, Set<number>>()

  constructor(clock: Clock, registered: () => readonly DatanodeRow[], key: Uint8Array, epoch: () => number) {
    this.#clock = clock
    this.#registered = registered
    this.#key = key
    this.#epoch = epoch
  }

  heard(nodeId: string, heartbeat: Heartbeat, badBlocks: readonly number[]): void {
    if (!this.#registered().some(node => node.nodeId === nodeId)) {
      throw new FsError(
        'NOT_FOUND',
        `datanode ${nodeId} is not registered: it must call registerDatanode first`,
      )
    }
    this.#seen.set(nodeId, { ...heartbeat, atMs: this.#clock.monotonicMs() })
    const bad = this.#badBlocks.get(nodeId) ?? new Set()
    for (const blockId of badBlocks) bad.add(blockId)
    this.#badBlocks.set(nodeId, bad)
  }

  /** A place for a new block, or NO_DATANODE. Fewer copies than asked are placed when fewer nodes live. */
  place(blockId: number, replication: number, exclude: readonly string[], principal: string): LocatedBlock {
    const able = this.#registered().filter(
      ({ nodeId }) => this.#isLive(nodeId) && !this.#seen.get(nodeId)?.full && !exclude.includes(nodeId),
    )
    const members = orderOf(groupOf(blockId), able).slice(0, replication)
    if (members.length === 0) throw this.#noDatanode(exclude)
    return this.#located(blockId, members, CAPABILITY_MODE.both, principal)
  }

  /** Where a block can be read: live nodes first, each in the group's order. */
  locate(blockId: number, principal: string): LocatedBlock {
    const order = orderOf(groupOf(blockId), this.#registered())
    const live = order.filter(({ nodeId }) => this.#isLive(nodeId))
    const silent = order.filter(({ nodeId }) => !this.#isLive(nodeId))
    return this.#located(blockId, [...live, ...silent], CAPABILITY_MODE.read, principal)
  }

  /** The right to list what datanodes hold. */
  adminCapability(principal: string): Buffer {
    return this.#mint(NO_BLOCK, CAPABILITY_MODE.admin, principal)
  }

  disk(): { capacityBytes: number; freeBytes: number } {
    let [capacityBytes, freeBytes] = [0, 0]
    for (const { nodeId } of this.#registered()) {
      const seen = this.#seen.get(nodeId)
      if (seen === undefined || !this.#isLive(nodeId)) continue
      capacityBytes += seen.capacityBytes
      freeBytes += seen.freeBytes
    }
    return { capacityBytes, freeBytes }
  }

  report() {
    return this.#registered().map(node => {
      const seen = this.#seen.get(node.nodeId)
      return {
        ...node,
        silentMs: seen === undefined ? -1 : Math.round(this.#clock.monotonicMs() - seen.atMs),
        capacityBytes: seen?.capacityBytes ?? 0,
        freeBytes: seen?.freeBytes ?? 0,
        blocks: seen?.blocks ?? 0,
        badBlocks: this.#badBlocks.get(node.nodeId)?.size ?? 0,
        full: seen?.full ?? false,
      }
    })
  }

  #isLive(nodeId: string): boolean {
    const seen = this.#seen.get(nodeId)
    return seen !== undefined && this.#clock.monotonicMs() - seen.atMs < SILENT_MS
  }

  #noDatanode(exclude: readonly string[]): FsError {
    const registered = this.#registered().length
    const full = [...this.#seen.values()].filter(seen => seen.full).length
    if (full > 0 && full === registered) return new FsError('NO_SPACE', 'every datanode is full')
    return new FsError(
      'NO_DATANODE',
      `no datanode can take a block: ${registered} registered, ${full} full, ` +
        `${exclude.length} excluded by the writer`,
    )
  }

  #located(blockId: number, members: DatanodeRow[], mode: number, principal: string): LocatedBlock {
    const block = { blockId, generation: GENERATION, group: groupOf(blockId) }
    return {
      ...block,
      members: members.map(({ nodeId, host, port }) => ({ nodeId, host, port })),
      capability: this.#mint(block, mode, principal),
    }
  }

  #mint(block: typeof NO_BLOCK, mode: number, principal: string): Buffer {
    return mintCapability(this.#key, {
      ...block,
      mode,
      principal,
      expirySeconds: this.#clock.wall().seconds + Math.floor(CAPABILITY_MS / 1000),
      epoch: this.#epoch(),
    })
  }
}
