/**
 * How a leader brings its log to the other members (paper 5.3; thesis 10.2): everything that one turn
 * proposed leaves in one message a member, several messages are under way at a time, and a refusal passes a
 * whole term over. The leader's own disk writes meanwhile.
 */
import { membersOf, quorumReached } from './configuration.ts'
import type { MemberState } from './member-state.ts'
import type { AppendResponse, Entry, MemberId } from './messages.ts'
import { Progress } from './progress.ts'

export class Replication {
  readonly #state: MemberState
  readonly #members = new Map<MemberId, Progress>()

  constructor(state: MemberState) {
    this.#state = state
    this.noteConfiguration()
  }

  /** Of another member of the configuration in force. */
  progressOf(id: MemberId): Progress | undefined {
    return this.#members.get(id)
  }

  /** Makes room for who came, and forgets who left. */
  noteConfiguration(): void {
    const ids = membersOf(this.#state.membership.inForce).filter(id => id !== this.#state.id)
    for (const id of this.#members.keys()) if (!ids.includes(id)) this.#members.delete(id)
    for (const id of ids) {
      if (this.#members.has(id)) continue
      this.#members.set(id, new Progress(this.#state.log.lastIndex + 1, this.#state.settings))
    }
  }

  /** The last entry that a quorum has stored; the leader counts with what its own disk holds. */
  get quorumIndex(): number {
    const { id: self, log, membership } = this.#state
    return quorumReached(membership.inForce, id =>
      id === self ? log.savedIndex : (this.#members.get(id)?.matched ?? 0),
    )
  }

  /** Sends each member what it lacks, as far as its window is open. */
  sendAll(): void {
    for (const [id, progress] of this.#members) this.#sendTo(id, progress)
  }

  /** Makes the leader heard, and tells each member what is committed of the log that it has. */
  sendHeartbeats(round: number): void {
    const { committed } = this.#state.log
    for (const [to, { matched }] of this.#members) {
      this.#state.send({ type: 'heartbeat', to, commit: Math.min(matched, committed), round })
    }
  }

  /** True if the member has more of the log than was known. */
  noteAppendResponse(progress: Progress, response: AppendResponse): boolean {
    progress.isActive = true
    if (response.accepted) return progress.noteAccepted(response.index)
    const { log } = this.#state
    if (response.hasLost) progress.noteLost(response.hintIndex)
    progress.noteRefused(response.index, log.lastWithin(response.hintIndex, response.hintTerm))
    return false
  }

  /**
   * A member that answers heartbeats and still lacks entries may have lost a message: an append that only
   * asks tells.
   */
  askAfterHeartbeat(id: MemberId, progress: Progress): void {
    if (progress.matched >= this.#state.log.lastIndex || progress.state !== 'replicate') return
    this.#sendEntries(id, progress, [])
  }

  #sendTo(id: MemberId, progress: Progress): void {
    const { log, settings } = this.#state
    while (!progress.isPaused && progress.next <= log.lastIndex) {
      if (progress.next <= log.baseIndex) return this.#sendSnapshot(id, progress)
      const entries = log.read(progress.next, settings.messageBytesMax)
      if (entries === undefined) return
      this.#sendEntries(id, progress, entries)
    }
    if (progress.isPaused) return
    const news = Math.min(log.committed, progress.next - 1)
    if (progress.toldCommit < news || progress.state === 'probe') this.#sendEntries(id, progress, [])
  }

  #sendEntries(to: MemberId, progress: Progress, entries: readonly Entry[]): void {
    const { log } = this.#state
    const prevIndex = progress.next - 1
    const prevTerm = log.termAt(prevIndex)
    if (prevTerm === undefined) return this.#sendSnapshot(to, progress)
    const commit = log.committed
    this.#state.send({ type: 'append', to, prevIndex, prevTerm, entries, commit })
    const bytes = entries.reduce((sum, { data }) => sum + data.length, 0)
    progress.noteSent(prevIndex + entries.length, bytes, commit)
  }

  /** What it needs next is gone: only the state itself helps (paper, section 7). */
  #sendSnapshot(to: MemberId, progress: Progress): void {
    const { log, membership } = this.#state
    const index = log.baseIndex
    const term = log.termAt(index) ?? 0
    progress.beginSnapshot(index)
    this.#state.send({
      type: 'snapshot',
      to,
      snapshot: { index, term, configuration: membership.at(index) },
    })
  }
}
