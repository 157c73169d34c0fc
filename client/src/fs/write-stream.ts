/**
 * A file being written as a Node stream. Ending it completes the file; destroying it before, or aborting
 * its signal, gives it up, and a new file then never was. It retries nothing itself.
 */
import { Writable } from 'node:stream'
import { onAbort } from './abort.ts'
import type { SequentialWriter } from './sequential-writer.ts'
import type { FileStatus } from './status.ts'

/** Bytes that may wait in the stream before `write` says to stop. */
const WAITING_BYTES_MAX = 1024 * 1024

type Done = (error?: Error | null) => void

export class FileWriteStream extends Writable {
  readonly path: string
  /** Attributes of the finished file; undefined before. */
  status: FileStatus | undefined
  readonly #writer: SequentialWriter
  readonly #start: number
  /** Empty chunks in the queue that stand for a call of `sync`. */
  readonly #syncMarks = new Set<Buffer>()

  constructor(writer: SequentialWriter, signal: AbortSignal | undefined) {
    super({ highWaterMark: WAITING_BYTES_MAX })
    this.path = writer.path
    this.#writer = writer
    this.#start = writer.position
    this.once(
      'close',
      onAbort(signal, error => this.destroy(error)),
    )
  }

  /** Bytes taken over so far. */
  get bytesWritten(): number {
    return this.#writer.position - this.#start
  }

  /** Resolves when everything written before is on disk at every member and visible to readers. */
  async sync(): Promise<void> {
    const mark = Buffer.alloc(0)
    this.#syncMarks.add(mark)
    await new Promise<void>((resolve, reject) => {
      this.write(mark, error => (error ? reject(error) : resolve()))
    })
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: Done): void {
    this.#take(chunk).then(() => done(), done)
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, done: Done): void {
    this.#takeAll(chunks).then(() => done(), done)
  }

  override _final(done: Done): void {
    this.#finish().then(() => done(), done)
  }

  override _destroy(error: Error | null, done: Done): void {
    this.#writer.abort().then(
      () => done(error),
      (failure: Error) => done(error ?? failure),
    )
  }

  async #take(chunk: Buffer): Promise<void> {
    if (chunk.length > 0) await this.#writer.write(chunk)
    else if (this.#syncMarks.delete(chunk)) await this.#writer.sync()
  }

  async #takeAll(chunks: Array<{ chunk: Buffer }>): Promise<void> {
    for (const { chunk } of chunks) await this.#take(chunk)
  }

  async #finish(): Promise<void> {
    this.status = await this.#writer.finish()
  }
}
