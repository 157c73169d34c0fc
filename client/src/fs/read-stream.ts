/**
 * A file, or a range of it, as a Node stream with bounded read-ahead. What it reads are the bytes up to the
 * size that the file had when it was opened or, if it has shrunk, up to its end.
 */
import { Readable } from 'node:stream'
import { onAbort } from './abort.ts'
import { readRange, type Source } from './read-range.ts'
import type { FileStatus } from './status.ts'

/** Bytes that wait in the stream for their reader; beyond that it takes nothing more from the blocks. */
const WAITING_BYTES_MAX = 1024 * 1024

type Done = (error?: Error | null) => void

export class FileReadStream extends Readable {
  /** Attributes at the time of opening. */
  readonly status: FileStatus
  readonly #stop = new AbortController()
  readonly #bytes: AsyncGenerator<Buffer>
  #bytesRead = 0

  constructor(
    source: Source,
    status: FileStatus,
    range: { start: number; end: number },
    signal?: AbortSignal,
  ) {
    super({ highWaterMark: WAITING_BYTES_MAX })
    this.status = status
    this.#bytes = readRange(source, range.start, range.end, { signal: this.#stop.signal })
    this.once(
      'close',
      onAbort(signal, error => this.destroy(error)),
    )
  }

  get path(): string {
    return this.status.path
  }

  /** Bytes handed to the stream so far. */
  get bytesRead(): number {
    return this.#bytesRead
  }

  override _read(): void {
    this.#step().catch(error => this.destroy(error))
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#stop.abort()
    this.#end().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    )
  }

  /** Hands one buffer over; the stream asks again when it wants more. */
  async #step(): Promise<void> {
    const { value, done } = await this.#bytes.next()
    if (this.destroyed) return
    if (!done) this.#bytesRead += value.length
    this.push(done ? null : value)
  }

  /** Waits until nothing runs on behind the stream's back. */
  async #end(): Promise<void> {
    await this.#bytes.return(undefined)
  }
}
