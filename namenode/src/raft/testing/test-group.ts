/**
 * A few cores without clock, disk or network: what they store is stored at once, and messages wait until a
 * test delivers them. Test only.
 */
import { makeConfiguration } from '../configuration.ts'
import type { Entry, HardState, MemberId, Message } from '../messages.ts'
import { RaftCore } from '../raft-core.ts'
import { type StoredLog, upToBytes } from '../raft-log.ts'
import type { Ready } from '../ready.ts'
import { DEFAULT_SETTINGS, type Settings } from '../settings.ts'

export interface TestMemberOptions {
  readonly id?: MemberId
  readonly voters?: readonly MemberId[]
  readonly learners?: readonly MemberId[]
  /** Terms of the entries that the log holds at start, from index 1 on. */
  readonly terms?: readonly number[]
  readonly hardState?: HardState
  readonly settings?: Partial<Settings>
}

/** One core with the log that it stored. */
export class TestMember {
  readonly id: MemberId
  readonly core: RaftCore
  readonly entries: Entry[]
  readonly readys: Ready[] = []
  /** Messages that left and were not taken yet. */
  sent: Message[] = []
  hardState: HardState
  /** While true, nothing gets to the disk: promises wait. */
  isDiskStuck = false
  readonly #unsaved: Ready[] = []
  nowMs = 0

  constructor({ id = 1, voters = [1, 2, 3], learners, terms = [], hardState, settings }: TestMemberOptions) {
    this.id = id
    this.entries = terms.map((term, i) => commandEntry(i + 1, term))
    this.hardState = hardState ?? { term: terms.at(-1) ?? 0, vote: 0, commit: 0 }
    this.core = new RaftCore({
      id,
      settings: { ...DEFAULT_SETTINGS, keptEntries: 0, ...settings },
      hardState: this.hardState,
      log: storedLog(terms),
      configurations: [{ index: 0, configuration: makeConfiguration(voters, learners) }],
      reader: {
        read: (from, to, bytesMax) => upToBytes(this.entries.slice(from - 1, to), 0, bytesMax),
      },
      random: () => 0,
    })
  }

  /** Terms of the stored log. */
  get terms(): number[] {
    return this.entries.map(({ term }) => term)
  }

  /** Does all that the core asks for. */
  settle(): this {
    for (let ready = this.core.ready(); ready !== undefined; ready = this.core.ready()) {
      this.readys.push(ready)
      this.sent.push(...ready.messages)
      this.#unsaved.push(ready)
      if (!this.isDiskStuck) this.save()
    }
    return this
  }

  /** The disk gets everything that waits for it. */
  save(): void {
    for (const ready of this.#unsaved.splice(0)) {
      const { entries, hardState } = ready
      const [first] = entries
      if (first !== undefined) this.entries.splice(first.index - 1, Number.POSITIVE_INFINITY, ...entries)
      this.hardState = hardState ?? this.hardState
      this.sent.push(...ready.promises)
      this.core.advance(ready)
    }
  }

  step(...messages: readonly Message[]): this {
    for (const message of messages) this.core.step(message)
    return this.settle()
  }

  tick(count: number): this {
    for (let i = 0; i < count; i++) {
      this.nowMs += 50
      this.core.tick(this.nowMs)
      this.settle()
    }
    return this
  }

  /** Takes what was sent, of one type if named. */
  take<T extends Message['type']>(type: T): Array<Extract<Message, { type: T }>> {
    const taken = this.sent.filter(message => message.type === type)
    this.sent = []
    return taken as Array<Extract<Message, { type: T }>>
  }

  /** Makes it leader of its next term with the help of one other voter. */
  elect(voter: MemberId): this {
    while (this.core.role === 'follower') this.tick(1)
    const { term } = this.core
    const answer = { type: 'vote-response', from: voter, to: this.id, granted: true } as const
    if (this.core.role === 'pre-candidate') this.step({ ...answer, pre: true, term: term + 1 })
    if (this.core.role === 'candidate') this.step({ ...answer, pre: false, term: term + 1 })
    this.sent = []
    return this
  }
}

/** Several of them with a network that a test can cut. */
export class TestGroup {
  readonly members = new Map<MemberId, TestMember>()
  /** Members that nobody hears and that hear nobody. */
  readonly cut = new Set<MemberId>()

  constructor(voters: readonly MemberId[], options: TestMemberOptions = {}) {
    for (const id of voters) this.members.set(id, new TestMember({ ...options, id, voters }))
  }

  /** A member that knows nothing. */
  add(id: MemberId): TestMember {
    const member = new TestMember({ id, voters: [] })
    this.members.set(id, member)
    return member
  }

  of(id: MemberId): TestMember {
    const member = this.members.get(id)
    if (member === undefined) throw new Error(`no member ${id}`)
    return member
  }

  get leader(): TestMember | undefined {
    return [...this.members.values()].find(({ core }) => core.role === 'leader')
  }

  /** Delivers until nothing is under way. */
  settle(): void {
    for (let isQuiet = false; !isQuiet; ) {
      isQuiet = true
      for (const member of this.members.values()) member.settle()
      for (const member of [...this.members.values()]) {
        for (const message of member.sent.splice(0)) {
          isQuiet = false
          if (this.cut.has(message.from) || this.cut.has(message.to)) continue
          this.members.get(message.to)?.core.step(message)
        }
      }
    }
  }

  tick(count: number, ids: readonly MemberId[] = [...this.members.keys()]): void {
    for (let i = 0; i < count; i++) {
      for (const id of ids) this.of(id).tick(1)
      this.settle()
    }
  }

  /** Makes one member leader. */
  elect(id: MemberId): TestMember {
    for (let i = 0; i < 100 && this.of(id).core.role !== 'leader'; i++) this.tick(1, [id])
    return this.of(id)
  }
}

export function commandEntry(index: number, term: number, text = 'x'): Entry {
  return { index, term, kind: 'command', data: new TextEncoder().encode(text), configuration: undefined }
}

function storedLog(terms: readonly number[]): StoredLog {
  const runs: Array<{ firstIndex: number; term: number }> = []
  for (const [i, term] of terms.entries()) {
    if (runs.at(-1)?.term !== term) runs.push({ firstIndex: i + 1, term })
  }
  return { baseIndex: 0, baseTerm: 0, runs, lastIndex: terms.length }
}
