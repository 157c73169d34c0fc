/**
 * What `-put`, `-get` and `-cp` of trees share: many small files at a time and few large ones, what went
 * wrong told file by file, progress on a terminal. It copies nothing itself.
 */
import { INLINE_BYTES_MAX } from '@hopbine/common/base/limits.ts'
import { Progress } from '../output/progress.ts'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import type { FsFlag } from './command.ts'
import { originalName } from './copying-name.ts'
import { Lanes } from './lanes.ts'

/** Large files at a time unless `-t` says otherwise; each holds some megabytes in memory. */
const THREADS = 4
const THREADS_MAX = 64
/**
 * Small files at a time for each large one: they wait for answers most of the time, and answers come in
 * batches.
 */
const SMALL_PER_LARGE = 16

/** Flags of every command that copies. */
export const TRANSFER_FLAGS: readonly FsFlag[] = [
  { name: 'f', sentence: 'Overwrite files that are there.' },
  { name: 'p', sentence: 'Keep times and permissions, and with -cp owners.' },
  { name: 't', value: 'N', sentence: `Copy N large files at a time (default ${THREADS}).` },
]
export const RESUME_FLAG: FsFlag = {
  name: '-resume',
  sentence: 'Skip files that an earlier run copied whole, and go on within large ones.',
}

export class Transfer {
  readonly call: ShellCall
  readonly progress = new Progress()
  readonly isResuming: boolean
  readonly overwrite: boolean
  readonly preserve: boolean
  readonly #small: Lanes
  readonly #large: Lanes

  constructor(call: ShellCall) {
    const threads = threadsOf(call)
    this.call = call
    this.isResuming = call.has('-resume')
    this.overwrite = call.has('f')
    this.preserve = call.has('p')
    this.#small = new Lanes(threads * SMALL_PER_LARGE)
    this.#large = new Lanes(threads)
  }

  /** Adds what is at a path of Hopbine to the totals of the display; the server knows them. */
  async count(path: string): Promise<void> {
    if (!process.stderr.isTTY) return
    const { files, bytes } = await this.call.fs.getContentSummary(path)
    this.progress.filesTotal += files
    this.progress.bytesTotal += bytes
    this.progress.isCounted = true
  }

  /** Waits for a free place, then copies a file of that size; tells its failure. */
  async add(text: string, size: number, copy: () => Promise<void>): Promise<void> {
    const lanes = size <= INLINE_BYTES_MAX ? this.#small : this.#large
    await lanes.add(async () => {
      await this.call.attempt(text, copy)
      this.progress.files += 1
    })
  }

  /** Runs a whole transfer and resolves when every file of it has ended, in good or in bad. */
  async run(work: () => Promise<void>): Promise<void> {
    this.progress.show()
    try {
      await work()
      await this.#small.done()
      await this.#large.done()
    } finally {
      await this.#small.settle()
      await this.#large.settle()
      this.progress.stop()
    }
  }

  /** Hands chunks on and counts them. */
  async *counted(chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
    for await (const chunk of chunks) {
      this.progress.bytes += chunk.length
      yield chunk
    }
  }

  /** A copied file, for `--json`. */
  async tell(source: string, target: string, bytes: number): Promise<void> {
    if (this.call.json) await this.call.out.json({ source, target, bytes })
  }
}

/** Entries looked at to recognise a folder. */
const RECOGNISE_MAX = 1_000

/**
 * Whether a folder at the destination is what an earlier run of the same copy made, and not one to copy
 * into: it has entries, and each (of the first thousand) has its like in the source.
 */
export async function isEarlierCopy(
  names: AsyncIterable<string>,
  isInSource: (name: string) => Promise<boolean>,
): Promise<boolean> {
  let count = 0
  for await (const name of names) {
    const original = originalName(name)
    if (original !== undefined && !(await isInSource(original))) return false
    count += 1
    if (count === RECOGNISE_MAX) return true
  }
  return count > 0
}

function threadsOf(call: ShellCall): number {
  const text = call.value('t')
  if (text === undefined) return THREADS
  const threads = /^\d+$/.test(text) ? Number(text) : 0
  if (threads < 1 || threads > THREADS_MAX) throw wrong(`-t must be 1 to ${THREADS_MAX}, not ${text}`)
  return threads
}
