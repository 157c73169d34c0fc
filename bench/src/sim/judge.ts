/**
 * Knows everything and checks the safety properties of Raft at every step (paper, figure 3; thesis, figure
 * 3.2), with two more that the TLA+ specification of etcd has: what is committed is durable at a quorum, and
 * what was answered stays.
 */
import { hasQuorum } from '@hopbine/namenode/raft/configuration.ts'
import type { Entry, MemberId } from '@hopbine/namenode/raft/messages.ts'
import type { Ready } from '@hopbine/namenode/raft/ready.ts'
import { contentOf } from './content.ts'
import type { SimulatedMember } from './simulated-member.ts'
import { Violation } from './violation.ts'

interface CommittedEntry {
  readonly term: number
  readonly content: number
  /** Term of the member that was first seen to know it committed. */
  readonly seenInTerm: number
}

interface Seen {
  role: string
  term: number
  committed: number
  /** Commit index when it was last looked at. */
  decided: number
  /** Last index handed out while leader of `leaderTerm`. */
  leaderTerm: number
  leaderIndex: number
}

/** Terms of a run stay below this, so that index and term make one number. */
const TERM_SPAN = 2 ** 20

export class Judge {
  readonly members = new Map<MemberId, SimulatedMember>()
  readonly #seen = new Map<MemberId, Seen>()
  readonly #leaders = new Map<number, MemberId>()
  /** By index and term: the entry's content and the term before it. */
  readonly #entries = new Map<number, { content: number; prevTerm: number | undefined }>()
  /** By index; the first place stands for the empty log. */
  readonly #committed: CommittedEntry[] = [{ term: 0, content: 0, seenInTerm: 0 }]
  /** Where each write was done. */
  readonly #places = new Map<number, number>()
  /** By index: the digest of the state after it. */
  readonly #digests: number[] = []
  elections = 0
  /** Called when a write is done for the first time. */
  onDone: (content: number, index: number) => void = () => undefined
  /** Called when a member begins to lead. */
  onNewLeader: (member: SimulatedMember) => void = () => undefined

  get committedIndex(): number {
    return this.#committed.length - 1
  }

  noteStart(member: SimulatedMember): void {
    const seen = { role: 'follower', term: 0, committed: 0, decided: 0, leaderTerm: 0, leaderIndex: 0 }
    this.#seen.set(member.id, seen)
  }

  noteInstalled(member: SimulatedMember): void {
    const { appliedIndex } = member.state
    if (appliedIndex > this.committedIndex) throw new Violation('snapshot', `holds more than is committed`)
    this.#compareDigest(member)
  }

  /** New entries of a member's log: any two logs that share an entry share all before it. */
  noteReady(member: SimulatedMember, { entries }: Ready): void {
    const [first] = entries
    const { core } = member
    if (first === undefined || core === undefined) return
    let prevTerm = core.termAt(first.index - 1)
    for (const entry of entries) {
      this.#matchLogs(entry, prevTerm)
      prevTerm = entry.term
    }
    if (core.role === 'leader') this.#leaderAppendsOnly(member, entries, core.term)
  }

  /** Called after everything that a member's core did. */
  look(member: SimulatedMember): void {
    const { core } = member
    const seen = this.#seen.get(member.id)
    if (core === undefined || seen === undefined) return
    const { role, term } = core
    if (role === 'leader' && (seen.role !== 'leader' || seen.term !== term)) this.#newLeader(member, term)
    seen.role = role
    seen.term = term
    // At once, by the configuration that decided: the next step may begin a change.
    if (role === 'leader' && core.committed > seen.decided) this.#isDurable(member, core.committed)
    seen.decided = core.committed
  }

  /** Called when the disk has been given what the core handed out. */
  noteWritten(member: SimulatedMember, committed: number): void {
    const seen = this.#seen.get(member.id)
    if (seen === undefined || committed <= seen.committed) return
    this.#noteCommitted(member, committed)
    seen.committed = committed
  }

  /** When all that a core has was written, its configuration is the last of its log. */
  checkConfiguration({ id, core, disk: { cached } }: SimulatedMember): void {
    const last = cached.placed.at(-1)?.configuration ?? cached.base.configuration
    if (core === undefined || core.lastIndex !== cached.lastIndex || core.configuration === last) return
    throw new Violation('configuration', `member ${id} goes by another one than its log ends with`)
  }

  /**
   * State machine safety: nobody applies another entry at an index, or the same one to another effect.
   * `isDone` is false for a write that came again.
   */
  noteApplied(member: SimulatedMember, entry: Entry, isDone: boolean): void {
    const { index, term } = entry
    const content = contentOf(entry)
    const known = this.#committed[index]
    if (known === undefined || known.term !== term || known.content !== content) {
      throw new Violation('state machine safety', `member ${member.id} applies another entry at ${index}`)
    }
    this.#compareDigest(member)
    if (!isDone) return
    const place = this.#places.get(content) ?? index
    if (place !== index) throw new Violation('applied twice', `write ${content} at ${place} and at ${index}`)
    if (!this.#places.has(content)) this.onDone(content, index)
    this.#places.set(content, index)
  }

  #compareDigest({ id, state: { appliedIndex, digest } }: SimulatedMember): void {
    this.#digests[appliedIndex] ??= digest
    if (this.#digests[appliedIndex] === digest) return
    throw new Violation('digest', `the state of member ${id} at ${appliedIndex} differs from another's`)
  }

  /** At the end: every answered write is where its answer said. */
  checkAnswered(content: number, index: number): void {
    if (this.#committed[index]?.content !== content) {
      throw new Violation('lost write', `write ${content} was answered at ${index}`)
    }
  }

  #matchLogs(entry: Entry, prevTerm: number | undefined): void {
    const { index, term } = entry
    const key = index * TERM_SPAN + term
    const content = contentOf(entry)
    const known = this.#entries.get(key)
    if (known === undefined) {
      this.#entries.set(key, { content, prevTerm })
      return
    }
    known.prevTerm ??= prevTerm
    const isSameBefore = prevTerm === undefined || prevTerm === known.prevTerm
    if (known.content !== content || !isSameBefore) {
      throw new Violation('log matching', `two logs with entry ${index} of term ${term} differ`)
    }
  }

  #leaderAppendsOnly(member: SimulatedMember, entries: readonly Entry[], term: number): void {
    const seen = this.#seen.get(member.id) as Seen
    const [first] = entries
    if (seen.leaderTerm === term && first !== undefined && first.index <= seen.leaderIndex) {
      throw new Violation('leader append-only', `leader ${member.id} wrote entry ${first.index} again`)
    }
    seen.leaderTerm = term
    seen.leaderIndex = entries.at(-1)?.index ?? seen.leaderIndex
  }

  #newLeader(member: SimulatedMember, term: number): void {
    const other = this.#leaders.get(term)
    if (other !== undefined && other !== member.id) {
      throw new Violation('election safety', `term ${term} has leaders ${other} and ${member.id}`)
    }
    if (other === undefined) this.elections += 1
    this.#leaders.set(term, member.id)
    // A term that ended before the commitment need not hold the entry.
    let index = this.committedIndex
    while (index > 0 && (this.#committed[index] as CommittedEntry).seenInTerm >= term) index -= 1
    if (member.core?.termAt(index) !== this.#committed[index]?.term) {
      throw new Violation('leader completeness', `leader ${member.id} of ${term} lacks entry ${index}`)
    }
    this.onNewLeader(member)
  }

  #noteCommitted(member: SimulatedMember, committed: number): void {
    const image = member.disk.cached
    const known = Math.min(committed, this.committedIndex)
    if (
      member.core?.termAt(known) !== undefined &&
      member.core.termAt(known) !== this.#committed[known]?.term
    ) {
      throw new Violation('committed entries', `member ${member.id} has another entry committed at ${known}`)
    }
    if (committed <= this.committedIndex) return
    const term = member.core?.term ?? 0
    for (let index = this.committedIndex + 1; index <= committed; index++) {
      const entry = image.entryAt(index)
      if (entry === undefined) throw new Violation('committed entries', `entry ${index} is nowhere`)
      this.#committed.push({ term: entry.term, content: contentOf(entry), seenInTerm: term })
    }
  }

  #isDurable(member: SimulatedMember, index: number): void {
    const term = member.core?.termAt(index)
    const holds = (id: MemberId): boolean => {
      const durable = this.members.get(id)?.disk.durable
      if (durable === undefined) return false
      const isThere = durable.base.index > index || durable.termAt(index) === term
      // What it acknowledged and lost binds it all the same.
      return isThere || (durable.hardState.promised?.index ?? 0) >= index
    }
    if (member.core !== undefined && !hasQuorum(member.core.configuration, holds)) {
      throw new Violation('committed is durable', `entry ${index} is on the disks of no quorum`)
    }
  }
}
