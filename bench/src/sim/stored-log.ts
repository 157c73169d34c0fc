/**
 * What a member's disk holds, as an image: hard state, log, and the state machine behind the log's base. The
 * disk keeps two of them: what reads see, and what a crash leaves.
 */

import { isOutdoneBy } from '@hopbine/namenode/raft/member-state.ts'
import type { PlacedConfiguration } from '@hopbine/namenode/raft/membership.ts'
import type { Entry, HardState, SnapshotFacts } from '@hopbine/namenode/raft/messages.ts'
import type { StoredLog } from '@hopbine/namenode/raft/raft-log.ts'
import type { SnapshotOffer } from '@hopbine/namenode/raft/snapshot-transfer.ts'
import type { MachineState } from './machine.ts'

/** One write to the disk; a crash keeps the whole of it or nothing, as a frame with a checksum does. */
export type DiskWrite =
  | { readonly kind: 'append'; readonly entries: readonly Entry[]; readonly hardState: HardState | undefined }
  | { readonly kind: 'snapshot'; readonly facts: SnapshotFacts; readonly state: MachineState }
  | { readonly kind: 'compact'; readonly facts: SnapshotFacts; readonly state: MachineState }
  | {
      readonly kind: 'staged'
      readonly offer: SnapshotOffer
      readonly isNewImage: boolean
      readonly data: Uint8Array
    }

/** The part of a snapshot that has come. */
export interface StagedImage {
  readonly offer: SnapshotOffer
  readonly bytes: Buffer
}

export class LogImage {
  hardState: HardState = { term: 0, vote: 0, commit: 0 }
  base: SnapshotFacts
  /** The state at some entry from the base on: replay starts there. */
  state: MachineState
  entries: Entry[] = []
  /** Those of the entries, ascending. */
  placed: PlacedConfiguration[] = []
  staged: StagedImage | undefined
  /** Indexes of entries whose bytes are wrong on the disk; their checksums tell. */
  readonly rotten = new Set<number>()

  constructor(base: SnapshotFacts, state: MachineState) {
    this.base = base
    this.state = state
  }

  get lastIndex(): number {
    return this.base.index + this.entries.length
  }

  entryAt(index: number): Entry | undefined {
    return this.entries[index - this.base.index - 1]
  }

  termAt(index: number): number | undefined {
    return index === this.base.index ? this.base.term : this.entryAt(index)?.term
  }

  copy(): LogImage {
    const copy = new LogImage(this.base, this.state)
    copy.hardState = this.hardState
    copy.entries = [...this.entries]
    copy.placed = [...this.placed]
    copy.staged = this.staged
    for (const index of this.rotten) copy.rotten.add(index)
    return copy
  }

  write(write: DiskWrite): void {
    if (write.kind === 'append') return this.#append(write.entries, write.hardState)
    if (write.kind === 'staged') return this.#stage(write.offer, write.isNewImage, write.data)
    const { facts, state } = write
    if (write.kind === 'snapshot') {
      this.entries = []
      this.staged = undefined
    } else this.entries.splice(0, facts.index - this.base.index)
    this.placed = write.kind === 'snapshot' ? [] : this.placed.filter(({ index }) => index > facts.index)
    this.#startBehind(facts)
    this.state = state
  }

  /**
   * What a start does about damage. Entries that the state machine holds are let go. What it lacks must come
   * from the others: the log ends before it, and what was acknowledged behind it is remembered.
   */
  repair(): void {
    const { appliedIndex } = this.state
    if ([...this.rotten].some(index => index <= appliedIndex)) this.#letGo(appliedIndex)
    const [first] = [...this.rotten].sort((a, b) => a - b)
    if (first === undefined) return
    const lost = { index: this.lastIndex, term: this.entries.at(-1)?.term ?? 0 }
    const known = this.hardState.promised
    const isLater = known === undefined || isOutdoneBy(known, lost.index, lost.term)
    this.hardState = { ...this.hardState, promised: isLater || known === undefined ? lost : known }
    this.#cutFrom(first)
  }

  #letGo(index: number): void {
    const term = this.termAt(index) ?? 0
    const { configuration } = this.placed.findLast(placed => placed.index <= index) ?? this.base
    this.entries.splice(0, index - this.base.index)
    this.placed = this.placed.filter(placed => placed.index > index)
    this.#startBehind({ index, term, configuration })
  }

  #startBehind(facts: SnapshotFacts): void {
    this.base = facts
    for (const index of this.rotten) {
      if (index <= facts.index || index > this.lastIndex) this.rotten.delete(index)
    }
  }

  #cutFrom(index: number): void {
    this.entries.length = Math.min(this.entries.length, index - this.base.index - 1)
    this.placed = this.placed.filter(placed => placed.index < index)
    for (const damaged of this.rotten) if (damaged >= index) this.rotten.delete(damaged)
  }

  /** As the core wants to be told at its start. */
  get stored(): StoredLog {
    const runs: Array<{ firstIndex: number; term: number }> = []
    for (const { index, term } of this.entries) {
      if (runs.at(-1)?.term !== term) runs.push({ firstIndex: index, term })
    }
    const { index: baseIndex, term: baseTerm } = this.base
    return { baseIndex, baseTerm, runs, lastIndex: this.lastIndex }
  }

  get configurations(): PlacedConfiguration[] {
    const { index, configuration } = this.base
    return [{ index, configuration }, ...this.placed]
  }

  #stage(offer: SnapshotOffer, isNewImage: boolean, data: Uint8Array): void {
    const before = isNewImage ? Buffer.alloc(0) : (this.staged?.bytes ?? Buffer.alloc(0))
    this.staged = { offer, bytes: Buffer.concat([before, data]) }
  }

  #append(entries: readonly Entry[], hardState: HardState | undefined): void {
    this.hardState = hardState ?? this.hardState
    const [first] = entries
    if (first === undefined) return
    this.#cutFrom(first.index)
    for (const entry of entries) {
      this.entries.push(entry)
      const { index, configuration } = entry
      if (configuration !== undefined) this.placed.push({ index, configuration })
    }
  }
}
