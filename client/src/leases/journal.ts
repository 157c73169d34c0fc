/**
 * The journal of a queue: a file that knows every operation before it is answered, so that a daemon that is
 * killed loses nothing that it answered; but what concerns a file that is open for writing it knows by the
 * file's close. It is not synced to the disk: a crash of the machine may cut its
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
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
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

/** What concerns an open file is written after so long at the latest, in milliseconds. */
const OPEN_FILE_MS = 50

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
  /** Writes to the file so far. */
  writes = 0
  readonly #head: Omit<JournalHead, 'applied'>
  #fd: number
  #bytes = 0
  /** Steps that changed since they were written. */
  readonly #unwritten = new Set<QueuedStep>()
  #timer: NodeJS.Timeout | undefined

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
    this.#unwritten.add(step)
    if (step.isOfOpenFile) return this.#writeSoon()
    try {
      this.writeDown()
    } catch (error) {
      // It is refused; what was answered before is still to be written.
      this.#unwritten.delete(step)
      throw error
    }
  }

  amended(step: QueuedStep): void {
    this.#unwritten.add(step)
    if (step.isOfOpenFile) this.#writeSoon()
    else this.writeDown()
  }

  cancelled(steps: readonly QueuedStep[]): void {
    for (const step of steps) this.#unwritten.add(step)
    this.writeDown()
  }

  /** One write for all of it, in order. */
  writeDown(): void {
    if (this.#unwritten.size === 0) return
    const steps = [...this.#unwritten].sort((a, b) => a.ticket - b.ticket)
    writer.reset()
    for (const step of steps) this.#frameStep(step)
    this.#append()
    for (const step of steps) step.isWritten = true
    this.#unwritten.clear()
    clearTimeout(this.#timer)
    this.#timer = undefined
  }

  emptied(applied: number): void {
    this.#unwritten.clear()
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
    for (const step of steps) this.#unwritten.add(step)
    this.writeDown()
    renameSync(next, this.path)
    closeSync(old)
  }

  /** Nothing more comes; the file stays. */
  leave(): void {
    this.#writeWhatGoes()
    clearTimeout(this.#timer)
  }

  /** The queue ended in order. */
  remove(): void {
    clearTimeout(this.#timer)
    closeSync(this.#fd)
    rmSync(this.path, { force: true })
  }

  /** What is in it cannot be committed; it is kept aside for whoever looks for the bytes. */
  setAside(): string {
    this.leave()
    closeSync(this.#fd)
    return setJournalAside(this.path)
  }

  #writeHead(applied: number): void {
    writer.reset()
    frame(RECORD.head, () => headRecord.encode(writer, { format: FORMAT, ...this.#head, applied }))
    this.#append()
  }

  #frameStep(step: QueuedStep): void {
    if (step.state !== 'cancelled') {
      frame(step.isWritten ? RECORD.amended : RECORD.added, () => encodeStep(step))
    } else if (step.isWritten) {
      frame(RECORD.cancelled, () => cancelRecord.encode(writer, { ticket: step.ticket }))
    }
  }

  #writeSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = undefined
      this.#writeWhatGoes()
      if (this.#unwritten.size > 0) this.#writeSoon()
    }, OPEN_FILE_MS).unref()
  }

  /** Nobody waits for it. Who closes a file that could not be written down hears why. */
  #writeWhatGoes(): void {
    try {
      this.writeDown()
    } catch (error) {
      if (!isFsError(error)) throw error
    }
  }

  /** What the writer holds, or nothing of it. */
  #append(): void {
    const bytes = writer.view()
    try {
      for (let at = 0; at < bytes.length; ) at += writeSync(this.#fd, bytes, at)
    } catch (error) {
      ftruncateSync(this.#fd, this.#bytes)
      const { code, message } = error as NodeJS.ErrnoException
      throw new FsError(code === 'ENOSPC' ? 'NO_SPACE' : 'INTERNAL', `the journal ${this.path}: ${message}`)
    }
    this.#bytes += bytes.length
    this.writes += 1
  }
}

/** Writes one record behind the others of the writer. */
function frame(kind: number, encode: () => void): void {
  const start = writer.position
  writer.u32(0)
  writer.u32(0)
  writer.u8(kind)
  encode()
  const bytes = writer.view()
  const body = bytes.subarray(start + FRAME_BYTES)
  bytes.writeUInt32LE(body.length, start)
  bytes.writeUInt32LE(crc32c(body), start + 4)
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
