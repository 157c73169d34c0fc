/**
 * Writes the checksum file of one open block: slots that state lengths, in turns, and the checksums of whole
 * chunks. What it writes is durable after `sync`; it knows neither data nor order, which are its owner's.
 */
import {
  ENTRIES_START,
  ENTRY_BYTES,
  encodeEntries,
  encodeSlot,
  NO_SLOT,
  slotPosition,
} from './checksum-file.ts'
import { closeFile, syncData, writeAt } from './disk.ts'
import { type BlockState, otherSlot } from './recovery.ts'

export interface Statement {
  readonly length: number
  readonly tailCrc: number
  readonly generation: number
  readonly sealed: boolean
}

/** Checksums of whole chunks: those from `first` up to `end`. */
export interface ChunkRange {
  readonly crcs: Uint32Array
  readonly first: number
  readonly end: number
}

export class SlotWriter {
  readonly #fd: number
  #sequence: number
  #nextSynced: number
  #nextAcknowledged: number

  constructor(fd: number, { sequence, nextSynced, nextAcknowledged }: BlockState) {
    this.#fd = fd
    this.#sequence = sequence
    this.#nextSynced = nextSynced
    this.#nextAcknowledged = nextAcknowledged
  }

  /** States a length that every member was told of: it survives the death of the process. */
  async acknowledged(statement: Statement, chunks: ChunkRange): Promise<void> {
    const place = this.#nextAcknowledged
    await Promise.all([this.#write(place, statement), this.#writeEntries(chunks)])
    this.#nextAcknowledged = otherSlot(place)
  }

  /** States a length that counts as synced once it is on disk; then `syncEnded` is called. */
  async synced(statement: Statement, chunks?: ChunkRange, write = writeAt): Promise<void> {
    await Promise.all([this.#write(this.#nextSynced, statement, write), this.#writeEntries(chunks, write)])
  }

  syncEnded(): void {
    this.#nextSynced = otherSlot(this.#nextSynced)
  }

  /** A sync that was begun will not end: nothing speaks of it any more. */
  async forgetSynced(): Promise<void> {
    await writeAt(this.#fd, [NO_SLOT], slotPosition(this.#nextSynced))
  }

  sync(): Promise<void> {
    return syncData(this.#fd)
  }

  close(): Promise<void> {
    return closeFile(this.#fd)
  }

  #write(place: number, statement: Statement, write = writeAt): Promise<void> {
    this.#sequence += 1
    const slot = encodeSlot({ ...statement, sequence: this.#sequence })
    return write(this.#fd, [slot], slotPosition(place))
  }

  async #writeEntries(chunks: ChunkRange | undefined, write = writeAt): Promise<void> {
    if (chunks === undefined || chunks.end <= chunks.first) return
    const { crcs, first, end } = chunks
    await write(this.#fd, [encodeEntries(crcs, first, end)], ENTRIES_START + first * ENTRY_BYTES)
  }
}
