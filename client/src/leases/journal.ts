/**
 * The journal of a queue: a file that knows every operation before it is answered, so that a daemon that is
 * killed loses nothing that it answered. It is not synced to the disk: a crash of the machine may cut its
 * end. Records carry their length and a CRC32C; reading ends at the first that is not whole.
 */
import {
  closeSync,
  constants,
  ftruncateSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { FsError } from '@hopbine/common/base/errors.ts'
import { queuedOperation } from '@hopbine/common/protocol/directory-leases.ts'
import { flag, int, list, record, text, u8, type ValueOf } from '@hopbine/common/wire/codec.ts'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { type QueuedStep, type StepLog, wireOf } from './operation-queue.ts'

/** An empty queue's journal is cut to its beginning beyond so many bytes. */
const CUT_BYTES = 1024 * 1024
/** A journal is written anew, with what is not committed only, beyond so many bytes. */
const REWRITE_BYTES = 128 * 1024 * 1024

const RECORD = { head: 1, added: 2, amended: 3, cancelled: 4 } as const
/** Length and checksum before each record. */
const FRAME_BYTES = 8
const FORMAT = 1

const headRecord = record({
  format: u8,
  queueId: text,
  /** Session at the namenode that sent the operations. */
  clientId: text,
  /** Whose it is, in the words of its maker. */
  owner: text,
  /** Operations applied before the first one of this file. */
  applied: int,
})
const stepRecord = record({
  ticket: int,
  user: text,
  groups: list(text),
  superuser: flag,
  operation: queuedOperation,
})
const cancelRecord = record({ ticket: int })

export type JournalHead = Omit<ValueOf<typeof headRecord>, 'format'>
export type JournalStep = ValueOf<typeof stepRecord>

export interface ReadJournal {
  readonly head: JournalHead
  /** In order, as amended, without those that were cancelled. */
  readonly steps: readonly JournalStep[]
}

const writer = new Writer()

export class Journal implements StepLog {
  readonly path: string
  readonly #head: Omit<JournalHead, 'applied'>
  #fd: number
  #bytes = 0

  private constructor(path: string, head: Omit<JournalHead, 'applied'>) {
    this.path = path
    this.#head = head
    this.#fd = openEmpty(path)
  }

  /** A new file, over any old one. */
  static create(path: string, head: Omit<JournalHead, 'applied'>): Journal {
    const journal = new Journal(path, head)
    journal.#writeHead(0)
    return journal
  }

  added(step: QueuedStep): void {
    this.#write(RECORD.added, () => encodeStep(step))
  }

  amended(step: QueuedStep): void {
    this.#write(RECORD.amended, () => encodeStep(step))
  }

  cancelled({ ticket }: QueuedStep): void {
    this.#write(RECORD.cancelled, () => cancelRecord.encode(writer, { ticket }))
  }

  emptied(applied: number): void {
    if (this.#bytes < CUT_BYTES) return
    this.cut(applied)
  }

  /** Everything is committed. */
  cut(applied: number): void {
    ftruncateSync(this.#fd, 0)
    this.#bytes = 0
    this.#writeHead(applied)
  }

  get isLarge(): boolean {
    return this.#bytes > REWRITE_BYTES
  }

  /** A new file takes the place of this one, with what is not committed only. */
  rewrite(applied: number, steps: readonly QueuedStep[]): void {
    const next = `${this.path}.new`
    const old = this.#fd
    this.#fd = openEmpty(next)
    this.#bytes = 0
    this.#writeHead(applied)
    for (const step of steps) this.added(step)
    renameSync(next, this.path)
    closeSync(old)
  }

  /** The queue ended in order. */
  remove(): void {
    closeSync(this.#fd)
    rmSync(this.path, { force: true })
  }

  /** What is in it cannot be committed; it is kept aside for whoever looks for the bytes. */
  setAside(): string {
    closeSync(this.#fd)
    return setJournalAside(this.path)
  }

  #writeHead(applied: number): void {
    this.#write(RECORD.head, () => headRecord.encode(writer, { format: FORMAT, ...this.#head, applied }))
  }

  #write(kind: number, encode: () => void): void {
    writer.reset()
    writer.u32(0)
    writer.u32(0)
    writer.u8(kind)
    encode()
    const bytes = writer.view()
    const body = bytes.subarray(FRAME_BYTES)
    bytes.writeUInt32LE(body.length, 0)
    bytes.writeUInt32LE(crc32c(body), 4)
    for (let at = 0; at < bytes.length; ) at += this.#append(bytes.subarray(at))
    this.#bytes += bytes.length
  }

  #append(bytes: Buffer): number {
    try {
      return writeSync(this.#fd, bytes)
    } catch (error) {
      // Nothing was answered yet: the operation is refused, and what a failed write left is cut off.
      ftruncateSync(this.#fd, this.#bytes)
      const { code, message } = error as NodeJS.ErrnoException
      throw new FsError(code === 'ENOSPC' ? 'NO_SPACE' : 'INTERNAL', `the journal ${this.path}: ${message}`)
    }
  }
}

function encodeStep(step: QueuedStep): void {
  const { ticket, principal } = step
  const { user, groups, superuser } = principal
  stepRecord.encode(writer, { ticket, user, groups: [...groups], superuser, operation: wireOf(step, 0) })
}

function openEmpty(path: string): number {
  const { O_WRONLY, O_CREAT, O_TRUNC, O_APPEND } = constants
  return openSync(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND, 0o600)
}

/** Undefined when the file has no sound beginning: then nothing was answered by it. */
export function readJournal(path: string): ReadJournal | undefined {
  const bytes = readFileSync(path)
  let head: JournalHead | undefined
  const steps = new Map<number, JournalStep>()
  for (const reader of soundRecords(bytes)) {
    const kind = reader.u8()
    if (kind === RECORD.head) {
      const { format, ...rest } = headRecord.decode(reader)
      if (format !== FORMAT) throw new FsError('UNSUPPORTED', `${path} has format ${format}`)
      head = rest
    } else if (kind === RECORD.cancelled) {
      steps.delete(cancelRecord.decode(reader).ticket)
    } else {
      const step = stepRecord.decode(reader)
      steps.set(step.ticket, step)
    }
  }
  return head === undefined ? undefined : { head, steps: [...steps.values()] }
}

function* soundRecords(bytes: Buffer): Generator<Reader> {
  for (let at = 0; at + FRAME_BYTES <= bytes.length; ) {
    const length = bytes.readUInt32LE(at)
    const body = bytes.subarray(at + FRAME_BYTES, at + FRAME_BYTES + length)
    if (length === 0 || body.length < length || crc32c(body) !== bytes.readUInt32LE(at + 4)) return
    yield new Reader(body)
    at += FRAME_BYTES + length
  }
}

/** Renames a journal that cannot be handed in to `….lost`; answers the new path. */
export function setJournalAside(path: string): string {
  const lost = `${path}.${Date.now()}.lost`
  renameSync(path, lost)
  return lost
}
