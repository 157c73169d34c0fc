/**
 * One member of the simulated group: drives a core with a simulated disk, clock and network, and applies what
 * is committed. What the core asks of its driver is done here as a real driver must.
 */
import type { MembershipChange } from '@hopbine/namenode/raft/membership.ts'
import type { Entry, MemberId, Message, SnapshotFacts } from '@hopbine/namenode/raft/messages.ts'
import { RaftCore } from '@hopbine/namenode/raft/raft-core.ts'
import { upToBytes } from '@hopbine/namenode/raft/raft-log.ts'
import type { Ready } from '@hopbine/namenode/raft/ready.ts'
import type { Settings } from '@hopbine/namenode/raft/settings.ts'
import type { TraceEvent } from '@hopbine/namenode/raft/trace.ts'
import type { Chance } from './chance.ts'
import { contentOf } from './content.ts'
import { Died } from './died.ts'
import type { Judge } from './judge.ts'
import type { ClientWrite, MachineState } from './machine.ts'
import { MemberCalls } from './member-calls.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { Parcel, SimulatedNetwork } from './simulated-network.ts'
import { SnapshotStream } from './snapshot-stream.ts'
import { LogImage } from './stored-log.ts'
import { Violation } from './violation.ts'
import type { VirtualTime } from './virtual-time.ts'

/** Between two ticks of a true clock. */
export const TICK_MS = 50
/** A turn of the event loop takes about so long: what comes meanwhile shares one Ready. */
const TURN_MS = 0.1
/** A full disk is tried again after so long. */
const FULL_MS = 50

export interface Surroundings {
  readonly time: VirtualTime
  readonly chance: Chance
  readonly network: SimulatedNetwork
  readonly judge: Judge
  readonly settings: Settings
  /** Entries applied since the last compaction that call for the next. */
  readonly compactEvery: number
  /** By the number that stands for them in the log. */
  writeOf(content: number): ClientWrite | undefined
  readonly trace?: (event: TraceEvent) => void
}

export class SimulatedMember {
  readonly id: MemberId
  readonly disk: SimulatedDisk
  readonly calls: MemberCalls
  readonly #world: Surroundings
  /** How fast its clock goes: 1 is true. */
  readonly #rate: number
  #core: RaftCore | undefined
  state: MachineState
  #stream: SnapshotStream
  /** Readys that wait for room on the disk. */
  #unwritten: Ready[] = []
  /** Readys that were written and wait for a sync. */
  #saving: Ready[] = []
  #isSyncing = false
  #isPlanned = false
  #isPaused = false
  /** What came while it was paused. */
  #held: Array<() => void> = []
  /** The disk does not hold yet the snapshot that `state` came from. */
  #isInstalling = false
  /** Counts its lives, so that what an earlier one planned is not done. */
  #life = 0
  /** The disk was lost: it never comes back under this id. */
  isWiped = false
  /** It dies in the middle after so many steps of its driver; 0 for never. */
  diesAfterSteps = 0
  /** Called after it died by itself. */
  onDied: () => void = () => undefined
  /** Ticks since the disk finished something, while it has something to do. */
  #stalledTicks = 0
  #isWaitingForRoom = false

  constructor(id: MemberId, base: SnapshotFacts, state: MachineState, world: Surroundings) {
    this.id = id
    this.#world = world
    this.#rate = world.chance.between(0.97, 1.03)
    this.disk = new SimulatedDisk(world.time, world.chance, new LogImage(base, state))
    this.state = state
    this.calls = new MemberCalls(this)
    this.#stream = new SnapshotStream(this)
  }

  get core(): RaftCore | undefined {
    return this.#core
  }

  get nowMs(): number {
    return this.#world.time.nowMs * this.#rate
  }

  start(): void {
    this.disk.repair()
    const image = this.disk.cached
    this.state = image.state.copy()
    if (image.lastIndex < image.state.appliedIndex) {
      throw new Violation('applied ahead of log', `member ${this.id} applied what its log lost`)
    }
    const commit = Math.max(image.hardState.commit, image.state.appliedIndex)
    const { settings, chance, trace } = this.#world
    this.#core = new RaftCore({
      id: this.id,
      settings,
      hardState: { ...image.hardState, commit },
      log: image.stored,
      configurations: image.configurations,
      reader: { read: (from, to, bytesMax) => this.#read(from, to, bytesMax) },
      random: () => chance.fraction(),
      ...(trace === undefined ? {} : { trace }),
    })
    this.#stream = new SnapshotStream(this)
    this.#world.judge.noteStart(this)
    this.#tickAfter(chance.between(0, TICK_MS))
    this.plan()
  }

  /** The process or the machine dies; the state machine's own file may or may not have got its last rows. */
  crash(): void {
    this.#life += 1
    this.#core = undefined
    this.#unwritten = []
    this.#saving = []
    this.#isSyncing = false
    this.#stalledTicks = 0
    this.#isWaitingForRoom = false
    this.#isPlanned = false
    this.#isPaused = false
    this.#held = []
    this.diesAfterSteps = 0
    this.calls.drop()
    const { state } = this
    this.disk.crash()
    const { durable } = this.disk
    const isFlushed = this.#world.chance.happens(0.5) && !this.#isInstalling
    this.#isInstalling = false
    if (isFlushed && state.appliedIndex > durable.state.appliedIndex) {
      durable.state = state
      this.disk.cached.state = state
    }
  }

  /** Stands still, as a stopped process or a long collection of garbage does. */
  pause(forMs: number): void {
    if (this.#core === undefined || this.#isPaused) return
    this.#isPaused = true
    this.#later(forMs, () => {
      this.#isPaused = false
      for (const body of this.#held.splice(0)) body()
    })
  }

  receive({ message }: Parcel): void {
    this.run(() => {
      if (message.type === 'snapshot-chunk') this.#stream.accept(message)
      else if (message.type === 'snapshot-progress') this.#stream.noteProgress(message)
      else this.#core?.step(message)
    })
  }

  handOver(to: MemberId): void {
    this.run(() => this.#core?.handOver(to))
  }

  changeMembership(change: MembershipChange): void {
    this.run(() => this.#core?.changeMembership(change))
  }

  send(parcel: Parcel): void {
    this.#step()
    this.#world.network.send(parcel)
  }

  /** Its connections to another member broke: that one may be dead, or not. */
  loseConnection(to: MemberId): void {
    this.run(() => this.#core?.noteGone(to))
  }

  /** Does something with the core now, or when the pause is over; never in a later life. */
  run(body: () => void): void {
    if (this.#core === undefined) return
    if (this.#isPaused) {
      this.#held.push(() => this.run(body))
      return
    }
    this.#guard(() => {
      body()
      this.#world.judge.look(this)
      this.plan()
    })
  }

  /** Looks what the core wants at the end of the turn. */
  plan(): void {
    if (this.#isPlanned) return
    this.#isPlanned = true
    this.#later(TURN_MS, () => {
      this.#isPlanned = false
      this.#guard(() => this.#pump())
    })
  }

  /** One step of the driver, after which its machine may die. */
  #step(): void {
    if (this.diesAfterSteps === 0) return
    this.diesAfterSteps -= 1
    if (this.diesAfterSteps === 0) throw new Died()
  }

  #guard(body: () => void): void {
    try {
      body()
    } catch (error) {
      if (!(error instanceof Died)) throw error
      this.crash()
      this.onDied()
    }
  }

  #pump(): void {
    for (;;) {
      const ready = this.#core?.ready()
      if (ready === undefined) return
      this.#world.judge.noteReady(this, ready)
      this.#handle(ready)
      this.#world.judge.look(this)
    }
  }

  /** Messages leave while earlier Readys are still being written. */
  #handle(ready: Ready): void {
    for (const message of ready.messages) this.#send(message)
    this.#unwritten.push(ready)
    this.#writeAll()
  }

  #writeAll(): void {
    while (this.#unwritten.length > 0) {
      const [ready] = this.#unwritten as [Ready]
      const isLarge = ready.entries.length > 0 || ready.snapshot !== undefined
      if (isLarge && this.disk.isFull) return this.#waitForRoom()
      this.#unwritten.shift()
      this.#write(ready)
      // While others wait for room, the core knows of entries that are nowhere here yet.
      const known = this.#unwritten.length > 0 ? ready.committed : this.#core?.committed
      this.#world.judge.noteWritten(this, known ?? 0)
      if (this.#unwritten.length === 0) this.#world.judge.checkConfiguration(this)
      this.#saving.push(ready)
      this.#step()
      this.#sync()
      this.#apply(ready.committed)
      this.calls.noteReads(ready.reads, ready.droppedReads)
    }
  }

  #waitForRoom(): void {
    if (this.#isWaitingForRoom) return
    this.#isWaitingForRoom = true
    this.#later(FULL_MS, () => {
      this.#isWaitingForRoom = false
      this.run(() => this.#writeAll())
    })
  }

  #write({ snapshot, entries, hardState }: Ready): void {
    if (snapshot !== undefined) {
      const received = this.#stream.take(snapshot.index)
      if (received?.appliedIndex !== snapshot.index)
        throw new Violation('snapshot', 'installed before it came')
      this.disk.write({ kind: 'snapshot', facts: snapshot, state: received.copy() })
      this.state = received.copy()
      this.#isInstalling = true
      this.calls.drop()
      this.#world.judge.noteInstalled(this)
    }
    if (entries.length > 0 || hardState !== undefined) this.disk.write({ kind: 'append', entries, hardState })
  }

  /** One sync at a time; what is to be saved meanwhile shares the next. */
  #sync(): void {
    if (this.#isSyncing || this.#saving.length === 0) return
    const batch = this.#saving.splice(0)
    if (!batch.some(({ mustSync }) => mustSync)) return this.#saved(batch)
    this.#isSyncing = true
    this.disk.sync(error =>
      this.run(() => {
        if (error !== undefined) throw new Died()
        this.#isSyncing = false
        this.#stalledTicks = 0
        this.#saved(batch)
        this.#sync()
      }),
    )
  }

  #saved(batch: readonly Ready[]): void {
    for (const ready of batch) {
      if (ready.snapshot !== undefined) this.#isInstalling = false
      for (const message of ready.promises) this.#send(message)
      this.#step()
      this.#core?.advance(ready)
    }
    this.plan()
  }

  #send(message: Message): void {
    if (message.type === 'snapshot') this.#stream.begin(message)
    else this.send({ message })
  }

  #apply(committed: number): void {
    for (let index = this.state.appliedIndex + 1; index <= committed; index++) {
      const entry = this.disk.cached.entryAt(index)
      if (entry === undefined) throw new Violation('gap', `member ${this.id} lacks committed entry ${index}`)
      // A process that reads wrong bytes ends: its next start knows what to do about them.
      if (this.disk.cached.rotten.has(index)) throw new Died()
      const applied = this.state.apply(index, this.#world.writeOf(contentOf(entry)))
      this.#world.judge.noteApplied(this, entry, applied?.isFirst === true)
      this.calls.noteApplied(entry, applied?.answer)
      this.#step()
    }
    this.#compact()
  }

  #compact(): void {
    const { base } = this.disk.cached
    const { appliedIndex } = this.state
    if (appliedIndex - base.index < this.#world.compactEvery || this.#core === undefined) return
    // The core may be ahead of what was written: behind a snapshot, say.
    if (this.#unwritten.length > 0) return
    const last = this.#core.compact(appliedIndex)
    if (last === base.index) return
    this.disk.write({ kind: 'compact', facts: this.#core.describe(last), state: this.state.copy() })
    this.#step()
  }

  #read(from: number, to: number, bytesMax: number): readonly Entry[] | undefined {
    // Now and then the entries are not at hand, as when they must be read from the disk first.
    if (this.#world.chance.happens(0.02)) return undefined
    const image = this.disk.cached
    for (const index of image.rotten) if (index >= from && index <= to) throw new Died()
    const entries = image.entries.slice(from - image.base.index - 1, to - image.base.index)
    return upToBytes(entries, 0, bytesMax)
  }

  #tickAfter(delayMs: number): void {
    this.#later(delayMs, () => {
      this.#tickAfter(TICK_MS / this.#rate)
      if (!this.#isPaused) this.run(() => this.#tick())
    })
  }

  #tick(): void {
    this.#core?.tick(this.nowMs)
    this.#stream.tick()
    this.#stalledTicks = this.#isSyncing || this.#unwritten.length > 0 ? this.#stalledTicks + 1 : 0
    if (this.#core?.role === 'leader' && this.#stalledTicks > this.#world.settings.diskTicks) {
      throw new Violation('stalled leader', `member ${this.id} leads although its disk does not answer`)
    }
  }

  #later(delayMs: number, body: () => void): void {
    const life = this.#life
    this.#world.time.after(delayMs, () => {
      if (life === this.#life) body()
    })
  }
}
