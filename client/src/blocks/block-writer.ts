/**
 * Streams bytes into one open block: packets in flight behind one another, acknowledged by the last member of
 * the chain. A lost connection to a single member is opened again and goes on where the copy ends; any other
 * failure is final, and what was not acknowledged can be taken to another block. It asks the namenode nothing
 * by itself.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { BlockSink, BlockWriterOptions, WriteOptions } from './block-io.ts'
import type { BlockPool } from './block-pool.ts'
import { PacketWindow } from './packet-window.ts'
import { type Mark, type Ready, WriteStream } from './write-stream.ts'

const RECONNECT_MS_DEFAULT = 5_000
/** Pause between two tries to connect again, in milliseconds. */
const PAUSE_MS = 100

interface Waiter {
  /** Resolved when this length is reached. */
  readonly length: number
  resolve(): void
  reject(error: Error): void
}

export class BlockWriter implements BlockSink {
  readonly #pool: BlockPool
  readonly #options: BlockWriterOptions
  #block: LocatedBlock
  #stream: WriteStream | undefined
  #window: PacketWindow
  #failed: Error | undefined
  #finished = false
  #reconnecting = false
  /** Ends when the writes before it have been accepted; keeps overlapping writes in order. */
  #writing: Promise<void> | undefined
  readonly #waiters: Record<Mark | 'room', Waiter[]> = {
    room: [],
    ack: [],
    synced: [],
    sealed: [],
    ended: [],
  }

  private constructor(pool: BlockPool, block: LocatedBlock, options: BlockWriterOptions) {
    this.#pool = pool
    this.#block = block
    this.#options = options
    this.#window = new PacketWindow(pool.buffers, 0, 0)
  }

  /**
   * Throws UNAVAILABLE, BUSY, BAD_CAPABILITY, BLOCK_NOT_FOUND, NO_SPACE, STALE, INVALID_ARGUMENT, CANCELLED.
   */
  static async open(
    pool: BlockPool,
    block: LocatedBlock,
    options: BlockWriterOptions = {},
  ): Promise<BlockWriter> {
    if (options.signal?.aborted) throw cancelled(options.signal)
    const writer = new BlockWriter(pool, block, options)
    const answer = await writer.#connect(options.startOffset ?? 0)
    writer.#window = new PacketWindow(pool.buffers, answer.length, answer.tailCrc)
    options.signal?.addEventListener('abort', writer.#onAbort, { once: true })
    return writer
  }

  get acknowledged(): number {
    return this.#window.acknowledged
  }

  get length(): number {
    return this.#window.length
  }

  write(bytes: Uint8Array, options: WriteOptions = {}): Promise<void> {
    if (this.#writing === undefined && this.#usable() && this.#window.hasRoom) {
      const accepted = this.#accept(bytes, 0, options)
      if (accepted === bytes.length) return Promise.resolve()
      return this.#queueWrite(bytes, accepted, options)
    }
    return this.#queueWrite(bytes, 0, options)
  }

  async flush(): Promise<void> {
    const length = await this.#push()
    await this.#reached('ack', length)
  }

  async sync(): Promise<void> {
    await this.#writing
    this.#check()
    let answer: Promise<void> | undefined
    const send = (): void => {
      const length = this.#pushNow()
      const isAsked = this.#waiters.synced.some(waiter => waiter.length === length)
      answer = this.#wait('synced', length)
      if (!isAsked) this.#withStream(stream => stream.sendSync())
    }
    if (this.#stream === undefined) send()
    else this.#stream.together(send)
    await answer
  }

  async seal(): Promise<number> {
    const length = await this.#push()
    const answer = this.#wait('sealed', length)
    this.#withStream(stream => stream.sendSeal(length))
    await answer
    this.#finish(true)
    return length
  }

  async close(): Promise<void> {
    if (this.#finished || this.#failed !== undefined) return this.#finish(false)
    try {
      await this.flush()
      const stream = this.#stream
      if (stream === undefined) return this.#finish(false)
      const answer = this.#wait('ended', this.length)
      stream.sendEnd()
      await answer
    } finally {
      this.#finish(this.#failed === undefined)
    }
  }

  unacknowledged(): Uint8Array[] {
    return this.#window.unacknowledged()
  }

  readonly #onAbort = (): void => {
    if (this.#options.signal !== undefined) this.#fail(cancelled(this.#options.signal))
  }

  #usable(): boolean {
    return this.#failed === undefined && !this.#finished
  }

  #check(): void {
    if (this.#failed !== undefined) throw this.#failed
    if (this.#finished) throw new FsError('INVALID_ARGUMENT', 'the block writer was closed')
  }

  /**
   * Takes what the window has room for and sends what may be sent; returns the position reached in `bytes`.
   */
  #accept(bytes: Uint8Array, from: number, { shared, isFollowed }: WriteOptions): number {
    let at = from
    while (at < bytes.length && this.#window.hasRoom) {
      at += this.#window.accept(bytes, at, shared)
      this.#pump(isFollowed)
    }
    return at
  }

  #queueWrite(bytes: Uint8Array, from: number, options: WriteOptions): Promise<void> {
    const before = this.#writing
    const work = this.#acceptAfter(before, bytes, from, options)
    // The caller hears of a failure through `work`; here only the order counts.
    const settled = work.then(
      () => undefined,
      () => undefined,
    )
    const turn = settled.then(() => {
      if (this.#writing === turn) this.#writing = undefined
    })
    this.#writing = turn
    return work
  }

  async #acceptAfter(
    before: Promise<void> | undefined,
    bytes: Uint8Array,
    from: number,
    options: WriteOptions,
  ): Promise<void> {
    await before
    for (let at = from; ; ) {
      this.#check()
      at = this.#accept(bytes, at, options)
      if (at === bytes.length) return
      await this.#wait('room', this.#window.acknowledged + 1)
    }
  }

  /** Sends everything written so far; answers the block's length with it. */
  async #push(): Promise<number> {
    await this.#writing
    this.#check()
    return this.#pushNow()
  }

  #pushNow(): number {
    this.#window.close()
    this.#pump()
    return this.#window.length
  }

  /** Sends closed packets, and the one being filled when nothing else is on its way and nothing follows. */
  #pump(isFollowed = false): void {
    if (!isFollowed && !this.#window.isInFlight) this.#window.close()
    this.#withStream(stream => {
      for (let packet = this.#window.next(); packet !== undefined; packet = this.#window.next()) {
        const sent = packet
        stream.sendPacket(sent, () => this.#window.taken(sent))
      }
    })
  }

  /** Without a stream, what is owed goes out when there is one again. */
  #withStream(use: (stream: WriteStream) => void): void {
    if (this.#stream !== undefined) use(this.#stream)
    else if (this.#owes() && this.#usable()) this.#reconnect()
  }

  #owes(): boolean {
    const { synced, sealed, ended } = this.#waiters
    return !this.#window.isEmpty || synced.length + sealed.length + ended.length > 0
  }

  #wait(what: Mark | 'room', length: number): Promise<void> {
    return new Promise((resolve, reject) => this.#waiters[what].push({ length, resolve, reject }))
  }

  #reached(what: Mark, length: number): Promise<void> {
    return length <= this.#window.acknowledged ? Promise.resolve() : this.#wait(what, length)
  }

  #settle(what: Mark | 'room', length: number): void {
    const waiters = this.#waiters[what]
    while (waiters[0] !== undefined && waiters[0].length <= length) waiters.shift()?.resolve()
  }

  #progress(mark: Mark, length: number): void {
    if (!this.#window.acknowledge(length)) throw new FsError('BAD_FRAME', 'an answer for what was not sent')
    this.#settle('ack', length)
    if (mark !== 'ack') this.#settle(mark, length)
    if (this.#window.hasRoom) this.#settle('room', length)
    this.#pump()
    if (!this.#owes()) this.#stream?.rest()
  }

  #streamFailed(error: FsError): void {
    this.#stream = undefined
    if (this.#block.members.length > 1 || error.retry !== 'same-node') return this.#fail(error)
    if (this.#owes()) this.#reconnect()
  }

  #reconnect(): void {
    if (this.#reconnecting) return
    this.#reconnecting = true
    const done = (): void => {
      this.#reconnecting = false
    }
    this.#connect(-1)
      .then(answer => this.#resume(answer))
      .then(done, error => {
        done()
        this.#fail(error instanceof Error ? error : new Error(String(error)))
      })
  }

  /** Sends again what the datanode does not have, and asks again what it has not answered. */
  #resume(answer: Ready): void {
    if (!this.#window.restart(answer.length, answer.tailCrc)) {
      const { acknowledged, length } = this.#window
      const held = `the copy holds ${answer.length} bytes, the writer has ${acknowledged} to ${length}`
      throw new FsError('BLOCK_NOT_FOUND', held, { length: answer.length })
    }
    this.#progress('ack', answer.length)
    const stream = this.#stream
    if (stream === undefined) return
    if (this.#waiters.synced.length > 0) stream.sendSync()
    const seal = this.#waiters.sealed[0]
    if (seal !== undefined) stream.sendSeal(seal.length)
    if (this.#waiters.ended.length > 0) stream.sendEnd()
  }

  async #connect(offset: number): Promise<Ready> {
    const deadline = performance.now() + (this.#options.reconnectMs ?? RECONNECT_MS_DEFAULT)
    const events = {
      progress: (mark: Mark, length: number) => this.#progress(mark, length),
      failed: (error: FsError) => this.#streamFailed(error),
    }
    let refreshed = false
    for (let tries = 1; ; tries++) {
      try {
        const { stream, answer } = await WriteStream.open(this.#pool, this.#block, offset, events)
        if (!this.#usable()) stream.release(false)
        this.#check()
        // A failure may have come in one piece with the answer, before anyone could hear it.
        if (!stream.isOpen) throw new FsError('UNAVAILABLE', 'the datanode ended the stream')
        this.#stream = stream
        return answer
      } catch (error) {
        this.#check()
        if (isFsError(error, 'BAD_CAPABILITY') && this.#options.refresh !== undefined && !refreshed) {
          refreshed = true
          this.#block = await this.#options.refresh()
          continue
        }
        if (!isFsError(error) || error.retry !== 'same-node' || performance.now() > deadline) throw error
        // A kept connection may have died unseen, so the first time says little. A chain is replaced, not
        // waited for.
        if (tries > 1 && this.#block.members.length > 1) throw error
        if (tries > 1) await new Promise(resolve => setTimeout(resolve, PAUSE_MS))
      }
    }
  }

  #fail(error: Error): void {
    if (!this.#usable()) return
    this.#failed = error
    this.#finish(false)
    for (const waiters of Object.values(this.#waiters)) {
      for (const waiter of waiters.splice(0)) waiter.reject(error)
    }
  }

  #finish(reusable: boolean): void {
    this.#finished = true
    this.#options.signal?.removeEventListener('abort', this.#onAbort)
    this.#stream?.release(reusable)
    this.#stream = undefined
  }
}

function cancelled(signal: AbortSignal): FsError {
  return new FsError('CANCELLED', 'the write was aborted', {}, { cause: signal.reason })
}
