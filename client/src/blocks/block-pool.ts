/**
 * Connections to datanodes, kept for the next request. Each serves one request at a time. It knows addresses
 * and limits, and nothing of blocks. Idle connections do not keep the process alive and are closed after a
 * while.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { DatanodeAddress } from '@hopbine/common/protocol/types.ts'
import { BlockChannel, type ChannelHandler } from '@hopbine/common/rpc/block-channel.ts'
import { BufferPool } from '@hopbine/common/wire/buffer-pool.ts'

/** Connections of one address that read at a time; more readers wait in order. */
const READERS_MAX = 16
/** Readers that wait for one address; more: BUSY. */
const WAITING_MAX = 4096
/** Open writers of one address; each holds a connection while it is open; more: BUSY. */
const WRITERS_MAX = 512
/** Idle connections kept for one address. */
const IDLE_MAX = 16
/** An idle connection is closed after so long, in milliseconds. */
const IDLE_MS = 30_000

export type Purpose = 'read' | 'write'

interface Node {
  readonly key: string
  readonly idle: Idle[]
  readonly waiting: Array<() => void>
  readers: number
  writers: number
}

interface Idle {
  readonly channel: BlockChannel
  readonly sinceMs: number
}

/** A connection lent for one request after another by one user. */
export interface Lent {
  readonly channel: BlockChannel
  /** Numbers requests on this connection. */
  nextRequest(): number
  /** Gives the connection back. Not reusable: the peer may still send answers, so it is ended. Once only. */
  release(reusable: boolean): void
}

export class BlockPool {
  readonly buffers = new BufferPool()
  readonly #nodes = new Map<string, Node>()
  readonly #requests = new WeakMap<BlockChannel, number>()
  #sweeper: NodeJS.Timeout | undefined
  #closed = false

  /**
   * A connection of one's own; `handler` hears its frames until it is released. Throws UNAVAILABLE or BUSY.
   */
  async lend(address: DatanodeAddress, purpose: Purpose, handler: ChannelHandler): Promise<Lent> {
    const node = this.#node(address)
    await this.#admit(node, purpose)
    try {
      const channel = this.#takeIdle(node, handler) ?? (await this.#connect(address, handler))
      return this.#lent(node, purpose, channel)
    } catch (error) {
      this.#leave(node, purpose)
      throw error
    }
  }

  /** Ends every idle connection; lent ones end when they are released. */
  close(): void {
    this.#closed = true
    clearInterval(this.#sweeper)
    for (const node of this.#nodes.values()) {
      for (const { channel } of node.idle.splice(0)) channel.destroy()
    }
  }

  #node(address: DatanodeAddress): Node {
    const key = `${address.host}:${address.port}`
    const known = this.#nodes.get(key)
    if (known !== undefined) return known
    const node: Node = { key, idle: [], waiting: [], readers: 0, writers: 0 }
    this.#nodes.set(key, node)
    return node
  }

  async #admit(node: Node, purpose: Purpose): Promise<void> {
    if (this.#closed) throw new FsError('CANCELLED', 'the client was closed')
    if (purpose === 'write') {
      if (node.writers >= WRITERS_MAX) throw new FsError('BUSY', `${WRITERS_MAX} writers at ${node.key}`)
      node.writers += 1
      return
    }
    if (node.readers < READERS_MAX) {
      node.readers += 1
      return
    }
    if (node.waiting.length >= WAITING_MAX) throw new FsError('BUSY', `${WAITING_MAX} readers wait`)
    await new Promise<void>(resolve => node.waiting.push(resolve))
  }

  /** A reader that leaves hands its place to the first that waits. */
  #leave(node: Node, purpose: Purpose): void {
    if (purpose === 'write') {
      node.writers -= 1
    } else {
      const next = node.waiting.shift()
      if (next === undefined) node.readers -= 1
      else next()
    }
    if (node.readers + node.writers + node.idle.length === 0) this.#nodes.delete(node.key)
  }

  #takeIdle(node: Node, handler: ChannelHandler): BlockChannel | undefined {
    for (;;) {
      const channel = node.idle.pop()?.channel
      if (channel === undefined) return undefined
      if (!channel.isOpen) continue
      channel.handler = handler
      channel.hold(true)
      return channel
    }
  }

  #connect(address: DatanodeAddress, handler: ChannelHandler): Promise<BlockChannel> {
    return BlockChannel.connect(address, handler)
  }

  #lent(node: Node, purpose: Purpose, channel: BlockChannel): Lent {
    return {
      channel,
      nextRequest: () => {
        const request = (this.#requests.get(channel) ?? 0) + 1
        this.#requests.set(channel, request)
        return request
      },
      release: reusable => {
        this.#giveBack(node, channel, reusable)
        this.#leave(node, purpose)
      },
    }
  }

  #giveBack(node: Node, channel: BlockChannel, reusable: boolean): void {
    if (!reusable || !channel.isOpen || this.#closed || node.idle.length >= IDLE_MAX) return channel.destroy()
    channel.handler = new IdleHandler(channel)
    channel.limitSilence(0)
    channel.hold(false)
    node.idle.push({ channel, sinceMs: performance.now() })
    this.#sweeper ??= this.#startSweeper()
  }

  #startSweeper(): NodeJS.Timeout {
    const timer = setInterval(() => this.#sweep(), IDLE_MS / 4)
    timer.unref()
    return timer
  }

  #sweep(): void {
    const oldest = performance.now() - IDLE_MS
    for (const node of this.#nodes.values()) {
      while (node.idle[0] !== undefined && (node.idle[0].sinceMs < oldest || !node.idle[0].channel.isOpen)) {
        node.idle.shift()?.channel.destroy()
      }
      if (node.readers + node.writers + node.idle.length === 0) this.#nodes.delete(node.key)
    }
  }
}

/** Nobody has asked anything, so whatever comes means that the two sides are out of step. */
class IdleHandler implements ChannelHandler {
  readonly #channel: BlockChannel

  constructor(channel: BlockChannel) {
    this.#channel = channel
  }

  frame(): undefined {
    this.#channel.destroy()
  }

  landed(): void {
    this.#channel.destroy()
  }

  /** `takeIdle` and the sweeper look at `isOpen`. */
  closed(): void {
    this.#channel.hold(false)
  }
}
