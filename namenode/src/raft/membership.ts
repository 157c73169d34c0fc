/**
 * Which configuration is in force, and when it may change.
 *
 * Changes go through joint consensus (paper, section 6; thesis 4.3), not one member at a time: replacing a
 * dead voter of three is one change that never asks for more than a majority of either three, where adding
 * first asks for three of four with one dead and removing first leaves a group that no fault may meet; and
 * the safety of single steps hangs on a fix that the thesis lacks (Ongaro, raft-dev, July 2015). A leader
 * keeps that rule too, at no cost: it proposes a change only after an entry of its own term is committed.
 *
 * A configuration is in force as soon as it stands in the log, committed or not (thesis 4.1), so it is taken
 * back when its entry is.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { type Configuration, isJoint, isVoter, makeConfiguration, sameMembers } from './configuration.ts'
import type { Entry, MemberId } from './messages.ts'

export interface PlacedConfiguration {
  /** The entry that holds it, or the entry that the snapshot it came with stands for. */
  readonly index: number
  readonly configuration: Configuration
}

/** What a group shall become. A voter is removed or stays one: it cannot become a learner. */
export interface MembershipChange {
  readonly voters: readonly MemberId[]
  readonly learners: readonly MemberId[]
}

export class Membership {
  /** Ascending; the first is committed, the last in force. */
  readonly #history: PlacedConfiguration[]

  constructor(history: readonly PlacedConfiguration[]) {
    assert(history.length > 0, 'a group has a configuration, be it an empty one')
    this.#history = [...history]
  }

  get inForce(): Configuration {
    return this.#last.configuration
  }

  /** Index of the entry that put it in force. */
  get inForceIndex(): number {
    return this.#last.index
  }

  get #last(): PlacedConfiguration {
    return this.#history.at(-1) as PlacedConfiguration
  }

  /** True while no change is under way, so that another may begin. */
  isSettled(committed: number): boolean {
    return this.inForceIndex <= committed && !isJoint(this.inForce)
  }

  /**
   * True for voters of the configuration in force, and of those before it down to the last committed one: a
   * member whose removal is not committed may hold the only log that the others' votes depend on, so it still
   * stands for election (thesis 4.2.2).
   */
  mayStand(id: MemberId, committed: number): boolean {
    const first = Math.max(
      0,
      this.#history.findLastIndex(({ index }) => index <= committed),
    )
    return this.#history.slice(first).some(({ configuration }) => isVoter(configuration, id))
  }

  /** Takes note of an entry that the log got. */
  noteAppended({ index, configuration }: Entry): void {
    if (configuration !== undefined) this.#history.push({ index, configuration })
  }

  /** Takes note that the log lost everything from `index` on. */
  noteTruncated(index: number): void {
    while (this.inForceIndex >= index) {
      assert(this.#history.length > 1, 'a committed configuration is never taken back')
      this.#history.pop()
    }
  }

  /** Forgets what a snapshot at `index` holds; what was in force there stays. */
  compact(index: number): void {
    while ((this.#history[1]?.index ?? Number.POSITIVE_INFINITY) <= index) this.#history.shift()
  }

  restore(placed: PlacedConfiguration): void {
    this.#history.splice(0, this.#history.length, placed)
  }

  /** The configuration in force at an entry, for the snapshot that stands for it. */
  at(index: number): Configuration {
    const placed = this.#history.findLast(placed => placed.index <= index) ?? this.#history[0]
    return (placed as PlacedConfiguration).configuration
  }

  /** The configuration that begins a change: joint if it touches the voters, final if only learners. */
  begin({ voters, learners }: MembershipChange): Configuration {
    const changed = makeConfiguration(voters, learners)
    assert(changed.voters.length > 0, 'a group has a voter')
    if (sameMembers(changed.voters, this.inForce.voters)) return changed
    return makeConfiguration(voters, learners, this.inForce.voters)
  }

  /** The configuration that ends a joint one (paper, section 6, C_new). */
  end(): Configuration {
    assert(isJoint(this.inForce), 'only a joint configuration is left')
    return makeConfiguration(this.inForce.voters, this.inForce.learners)
  }
}
