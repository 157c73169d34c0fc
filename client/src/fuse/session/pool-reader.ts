/**
 * Reads the device with fs.read in Node's thread pool: documented functions only, at two to five times the
 * cost of the event loop's reader. Each read under way holds a thread of the pool, so there are few.
 */
import { closeSync, read } from 'node:fs'
import type { MessageSource, ReaderEvents } from './device.ts'

/** Reads under way at a time; the pool has four threads by default, and other work needs some. */
const READS = 2

export class PoolReader implements MessageSource {
  readonly #fd: number
  readonly #bytesMax: number
  readonly #events: ReaderEvents
  readonly #idle: Buffer[] = []
  #active = 0
  #isPaused = false
  #isOver = false

  constructor(fd: number, bytesMax: number, events: ReaderEvents) {
    this.#fd = fd
    this.#bytesMax = bytesMax
    this.#events = events
  }

  start(): void {
    for (let i = 0; i < READS; i++) this.#idle.push(Buffer.allocUnsafeSlow(this.#bytesMax))
    this.#fill()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    this.#isPaused = false
    this.#fill()
  }

  stop(): void {
    this.#isOver = true
    closeSync(this.#fd)
  }

  #fill(): void {
    while (!this.#isPaused && !this.#isOver) {
      const buffer = this.#idle.pop()
      if (buffer === undefined) return
      this.#active += 1
      read(this.#fd, buffer, 0, buffer.length, null, (error, length) => this.#done(buffer, error, length))
    }
  }

  #done(buffer: Buffer, error: NodeJS.ErrnoException | null, length: number): void {
    this.#active -= 1
    if (this.#isOver) return this.#end(undefined)
    if (error === null) {
      this.#events.onMessage(buffer.subarray(0, length))
    } else if (error.code !== 'EINTR' && error.code !== 'EAGAIN') {
      this.#end(error.code === 'ENODEV' || error.code === 'ECONNABORTED' ? undefined : error)
      return
    }
    this.#idle.push(buffer)
    this.#fill()
  }

  #end(error: Error | undefined): void {
    this.#isOver = true
    if (this.#active === 0) this.#events.onEnd(error)
  }
}
