/**
 * The snapshots that one simulated member sends and receives, chunk by chunk. What a real replica does with
 * files is done here with the simulated disk.
 */
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import type { MemberId, Message } from '@hopbine/namenode/raft/messages.ts'
import type { RaftCore } from '@hopbine/namenode/raft/raft-core.ts'
import {
  type SnapshotChunk,
  type SnapshotOffer,
  type SnapshotProgress,
  SnapshotReceiving,
  SnapshotSending,
} from '@hopbine/namenode/raft/snapshot-transfer.ts'
import { Died } from './died.ts'
import { MachineState } from './machine.ts'
import type { SimulatedDisk } from './simulated-disk.ts'
import type { Parcel } from './simulated-network.ts'

/** Small, so that every image takes many chunks. */
const TRANSFER = { chunkBytes: 150, windowBytes: 600, repeatTicks: 4, giveUpTicks: 60 }

interface Sending {
  readonly transfer: SnapshotSending
  readonly image: Buffer
}

export interface StreamOwner {
  readonly id: MemberId
  readonly core: RaftCore | undefined
  readonly state: MachineState
  readonly disk: SimulatedDisk
  /** Does something in a later turn of this life. */
  run(body: () => void): void
  send(parcel: Parcel): void
}

export class SnapshotStream {
  readonly #owner: StreamOwner
  readonly #sendings = new Map<MemberId, Sending>()
  #receiving: SnapshotReceiving
  #nextNumber = 1
  /** The images that were stepped into the core, by their last entry; it may take any of them, or none. */
  readonly #received = new Map<number, MachineState>()

  constructor(owner: StreamOwner) {
    this.#owner = owner
    const { staged } = owner.disk.cached
    this.#receiving = new SnapshotReceiving(owner.id, staged && { ...staged, offset: staged.bytes.length })
  }

  /** The state that the core wants installed. */
  take(index: number): MachineState | undefined {
    const state = this.#received.get(index)
    for (const known of this.#received.keys()) if (known <= index) this.#received.delete(known)
    return state
  }

  /** The core asks for a snapshot to be sent. */
  begin({ to, term }: Message): void {
    const { core, state, id: from } = this.#owner
    const open = this.#sendings.get(to)?.transfer
    if (core === undefined || open?.state === 'open') return
    const image = state.encode()
    const offer: SnapshotOffer = {
      ...{ from, term, number: this.#nextNumber++, bytes: image.length, crc: crc32c(image) },
      snapshot: core.describe(state.appliedIndex),
    }
    this.#sendings.set(to, { transfer: new SnapshotSending(to, offer, TRANSFER), image })
    this.#pump(to)
  }

  tick(): void {
    const { core } = this.#owner
    for (const [to, { transfer }] of this.#sendings) {
      transfer.tick()
      if (core?.role !== 'leader' || core.term !== transfer.offer.term) this.#sendings.delete(to)
      else this.#pump(to)
    }
  }

  noteProgress(progress: SnapshotProgress): void {
    this.#sendings.get(progress.from)?.transfer.noteProgress(progress)
    this.#pump(progress.from)
  }

  accept(chunk: SnapshotChunk): void {
    const { disk } = this.#owner
    const { offer } = chunk
    const acceptance = this.#receiving.accept(chunk)
    if (acceptance.kind === 'known') return this.#answer(offer)
    const { isNewImage, offset, data } = acceptance
    disk.write({ kind: 'staged', offer, isNewImage, data })
    disk.sync(error =>
      this.#owner.run(() => {
        if (error !== undefined) throw new Died()
        this.#stored(offer, offset + data.length)
      }),
    )
  }

  #stored(offer: SnapshotOffer, offset: number): void {
    const current = this.#receiving.offer
    if (current?.number !== offer.number || current.term !== offer.term) return
    this.#receiving.noteStored(offset)
    if (this.#receiving.isComplete) this.#install(offer)
    this.#answer(offer)
  }

  #install({ from, term, snapshot, crc }: SnapshotOffer): void {
    const { core, disk, id: to } = this.#owner
    const bytes = disk.cached.staged?.bytes ?? Buffer.alloc(0)
    if (crc32c(bytes) !== crc) return this.#receiving.startAgain()
    this.#received.set(snapshot.index, MachineState.decode(bytes))
    this.#receiving.finish()
    core?.step({ type: 'snapshot', from, to, term, snapshot })
  }

  #answer(offer: SnapshotOffer): void {
    this.#owner.send({ message: this.#receiving.progressOf(offer) })
  }

  #pump(to: MemberId): void {
    const sending = this.#sendings.get(to)
    if (sending === undefined) return
    const { transfer, image } = sending
    for (let range = transfer.next(); range !== undefined; range = transfer.next()) {
      const { offset, length } = range
      const data = image.subarray(offset, offset + length)
      this.#owner.send({
        message: { type: 'snapshot-chunk', from: this.#owner.id, to, offer: transfer.offer, offset, data },
      })
    }
    if (transfer.state === 'open') return
    this.#sendings.delete(to)
    this.#owner.core?.reportSnapshot(to, transfer.state === 'done')
  }
}
