/**
 * Keeps the kernel's caches true: takes what the namenode says that others changed, tells the kernel, and
 * acknowledges when the kernel does not use it any more. Forgetting a name takes a lock in the kernel that a
 * request of ours may hold while it waits at the namenode, so that is told from a thread of the pool and
 * never waited for longer than a moment: then all names of the mount are outdated at once, which takes no
 * lock.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFsError } from '@hopbine/common/base/errors.ts'
import {
  acknowledgeInvalidations,
  declareCaching,
  INVALID,
  type Invalidation,
  invalidations,
} from '@hopbine/common/protocol/cache-interest.ts'
import { PUSH } from '@hopbine/common/protocol/session.ts'
import type { Reader } from '@hopbine/common/wire/reader.ts'
import type { MountClient } from '../../leases/leased-namespace.ts'
import { ROOT_NODE } from '../protocol/constants.ts'
import { encodeIncrementEpoch, encodeInvalidateEntry, encodeInvalidateInode } from '../protocol/encode.ts'
import type { Device } from '../session/device.ts'
import type { KernelCache } from './kernel-cache.ts'
import type { NodeTable } from './node-table.ts'
import { NO_VERSION } from './page-versions.ts'

export interface InvalidationParts {
  readonly rpc: MountClient
  readonly nodes: NodeTable
  readonly cache: KernelCache
  readonly device: Pick<Device, 'write' | 'writeInPool'>
  /** How long the kernel may take to forget one name, in milliseconds. Default 20. */
  readonly forgetMs?: number
}

const FORGET_MS = 20
/** The kernel counts lifetimes in ticks, rounded up; in milliseconds. */
const TICK_MS = 10
/** Names being forgotten at a time, each in a thread of the pool. */
const FORGETTING_MAX = 8

export class Invalidator {
  readonly #parts: InvalidationParts
  #forgetting = 0
  /** Pushes to be acknowledged at the end of the turn. */
  #numbers: number[] = []
  /**
   * Inodes and names that the kernel was told to forget, and how often it was too busy and forgot all names.
   */
  inodes = 0
  names = 0
  epochs = 0

  constructor(parts: InvalidationParts) {
    this.#parts = parts
  }

  /** From now on the namenode waits for our acknowledgements. */
  async start(): Promise<void> {
    const { rpc } = this.#parts
    rpc.listen(PUSH.invalidate, payload => this.#pushed(payload))
    await rpc.prepareEach(async connection => {
      await connection.call(declareCaching, { caching: true })
    })
  }

  /**
   * The kernel has nothing cached any more. A namenode that does not hear it waits for our time to be over.
   */
  async end(): Promise<void> {
    try {
      await this.#parts.rpc.call(declareCaching, { caching: false }, { retryMs: 0 })
    } catch (error) {
      if (!isFsError(error)) throw error
    }
  }

  figures(): Record<string, number> {
    const { inodes, names, epochs } = this
    return { inodes, names, epochs }
  }

  #pushed(payload: Reader): void {
    const { number, items } = invalidations.decode(payload)
    const waits: Promise<void>[] = []
    for (const item of items) {
      this.#parts.cache.changed(item)
      const wait = this.#apply(item)
      if (wait !== undefined) waits.push(wait)
    }
    if (waits.length === 0) this.#acknowledge(number)
    else void Promise.all(waits).then(() => this.#acknowledge(number))
  }

  /** At once, or later where the kernel must be waited for. */
  #apply({ inodeId, parentId, name, what }: Invalidation): Promise<void> | undefined {
    this.#forgetAttributes(inodeId)
    if ((what & INVALID.entry) === 0) return undefined
    this.#forgetAttributes(parentId)
    return this.#forgetName(parentId, name)
  }

  /** The kernel asks for attributes before it uses its pages, so those need no word of their own. */
  #forgetAttributes(inodeId: number): void {
    const { nodes, device } = this.#parts
    const nodeId = nodes.nodeIdOf(inodeId)
    const node = nodes.find(inodeId)
    if (node === undefined && nodeId !== ROOT_NODE) return
    if (node !== undefined) {
      node.told = NO_VERSION
      node.forgetFlags()
    }
    this.inodes += 1
    device.write([encodeInvalidateInode(nodeId, -1, 0)])
  }

  #forgetName(parentId: number, name: string): Promise<void> | undefined {
    const { cache, nodes } = this.#parts
    const untilMs = cache.toldUntilMs(parentId, name)
    if (untilMs === 0) return undefined
    this.names += 1
    const isFree = this.#forgetting < FORGETTING_MAX
    const message = encodeInvalidateEntry(nodes.nodeIdOf(parentId), name)
    const forgotten = isFree ? this.#inPool(message) : undefined
    if (forgotten === undefined || cache.isNaming(parentId)) return this.#outdate(untilMs)
    return this.#unlessSlow(forgotten, untilMs)
  }

  async #inPool(message: Buffer): Promise<void> {
    this.#forgetting += 1
    try {
      await this.#parts.device.writeInPool(message)
    } finally {
      this.#forgetting -= 1
    }
  }

  async #unlessSlow(forgotten: Promise<void>, untilMs: number): Promise<void> {
    let timer: NodeJS.Timeout | undefined
    const slow = new Promise<'slow'>(resolve => {
      timer = setTimeout(() => resolve('slow'), this.#parts.forgetMs ?? FORGET_MS)
    })
    const first = await Promise.race([forgotten, slow])
    clearTimeout(timer)
    if (first === 'slow') await this.#outdate(untilMs)
  }

  /** The kernel looks every name up anew; one that cannot be told so stops using the name by itself. */
  async #outdate(untilMs: number): Promise<void> {
    this.epochs += 1
    if (this.#parts.device.write([encodeIncrementEpoch()]) !== 'refused') return
    await sleep(Math.max(0, untilMs + TICK_MS - performance.now()))
  }

  #acknowledge(number: number): void {
    this.#numbers.push(number)
    if (this.#numbers.length > 1) return
    queueMicrotask(() => {
      const numbers = this.#numbers
      this.#numbers = []
      const told = this.#parts.rpc.call(acknowledgeInvalidations, { numbers }, { retryMs: 0 })
      told.catch((error: unknown) => {
        // Lost with its connection, it is wanted again on the next one.
        if (!isFsError(error)) throw error
      })
    })
  }
}
