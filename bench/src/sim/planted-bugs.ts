/**
 * Known ways to get Raft wrong, as edits of the sources that a run loads instead of the real text. The
 * production code holds no switch for them; the simulator must find each one.
 */

export interface PlantedBug extends SourceEdit {
  readonly name: string
  readonly sentence: string
  /** Where one edit is not enough. */
  readonly also?: readonly SourceEdit[]
}

export interface SourceEdit {
  /** Path from the repository root. */
  readonly file: string
  /** Stands exactly once in the file. */
  readonly text: string
  readonly instead: string
}

const CORE = 'namenode/src/raft'
const SIM = 'bench/src/sim'

export const PLANTED_BUGS: readonly PlantedBug[] = [
  {
    name: 'old-term-commit',
    sentence: 'entries of earlier terms are committed by counting copies (paper 5.4.2)',
    file: `${CORE}/leadership.ts`,
    text: 'if (index <= log.committed || log.termAt(index) !== term) return',
    instead: 'if (index <= log.committed) return',
  },
  {
    name: 'vote-not-stored',
    sentence: 'a restart forgets whom it voted for (paper, figure 2)',
    file: `${SIM}/simulated-member.ts`,
    text: "this.disk.write({ kind: 'append', entries, hardState })",
    instead:
      "this.disk.write({ kind: 'append', entries, hardState: hardState && { ...hardState, vote: 0 } })",
  },
  {
    name: 'term-not-stored',
    sentence: 'a restart falls back to an earlier term (paper, figure 2)',
    file: `${SIM}/simulated-member.ts`,
    text: "this.disk.write({ kind: 'append', entries, hardState })",
    instead: "this.disk.write({ kind: 'append', entries, hardState: undefined })",
  },
  {
    name: 'vote-twice',
    sentence: 'a member votes for whoever asks last in a term (paper 5.2)',
    file: `${CORE}/candidacy.ts`,
    text: 'return state.vote === request.from || (state.vote === NOBODY && state.leader === NOBODY)',
    instead: 'return state.leader === NOBODY',
  },
  {
    name: 'log-match-skipped',
    sentence: 'a follower appends without looking at the entry before (paper 5.3)',
    file: `${CORE}/follower.ts`,
    text: 'if (!log.matches(prevIndex, prevTerm)) return refuse(state, message)',
    instead: 'if (prevIndex > log.lastIndex) return refuse(state, message)',
  },
  {
    name: 'always-truncates',
    sentence: 'a follower drops what follows the entries of an append, even of an old one (paper 5.3)',
    file: `${CORE}/follower.ts`,
    text: 'const first = log.firstNew(entries)',
    instead: 'const first = entries[0]',
  },
  {
    name: 'any-log-elects',
    sentence: 'votes go to candidates whose log lacks entries (paper 5.4.1)',
    file: `${CORE}/candidacy.ts`,
    text: 'if (!state.log.isOutdone(request.lastIndex, request.lastTerm)) return false',
    instead: '',
  },
  {
    name: 'longest-log-elects',
    sentence: 'logs are compared by length, not by the last term first (paper 5.4.1)',
    file: `${CORE}/raft-log.ts`,
    text: 'return lastTerm > this.lastTerm || (lastTerm === this.lastTerm && lastIndex >= this.lastIndex)',
    instead: 'return lastIndex >= this.lastIndex && lastTerm >= 0',
  },
  {
    name: 'half-is-a-majority',
    sentence: 'an even group decides with half of its voters',
    file: `${CORE}/configuration.ts`,
    text: 'return count * 2 > ids.length',
    instead: 'return count * 2 >= ids.length',
  },
  {
    name: 'joint-quorum-of-new-only',
    sentence: 'a joint configuration decides by its new voters alone (paper, section 6)',
    file: `${CORE}/configuration.ts`,
    text: 'return outgoing.length === 0 ? reached : Math.min(reached, majorityReached(outgoing, of))',
    instead: 'return outgoing.length === 0 ? reached : reached',
  },
  {
    name: 'joint-skipped',
    sentence: 'voters change in one step, whatever the change (paper, section 6)',
    file: `${CORE}/membership.ts`,
    text: 'return makeConfiguration(voters, learners, this.inForce.voters)',
    instead: 'return changed',
  },
  {
    name: 'configuration-stays',
    sentence: 'a configuration stays in force when its entry is taken back (thesis 4.1)',
    file: `${CORE}/member-state.ts`,
    text: 'this.membership.noteTruncated(index)',
    instead: '',
  },
  {
    name: 'own-entry-unsaved',
    sentence:
      'a leader that sends while it writes counts its own entry before its disk has it (thesis 10.2.1)',
    file: `${CORE}/replication.ts`,
    text: 'id === self ? log.savedIndex',
    instead: 'id === self ? log.lastIndex',
  },
  {
    name: 'failed-fsync-forgiven',
    sentence: 'a process goes on after a failed fsync, as if the disk had what it was given',
    file: `${SIM}/simulated-member.ts`,
    text: 'if (error !== undefined) throw new Died()',
    instead: '',
  },
  {
    name: 'damage-cut-silently',
    sentence: 'a log is cut at damage in its middle as at a torn end, and nothing is remembered',
    file: `${SIM}/stored-log.ts`,
    text: 'this.hardState = { ...this.hardState, promised: isLater || known === undefined ? lost : known }',
    instead: 'if (!isLater && known === undefined) this.hardState = { ...this.hardState }',
  },
  {
    name: 'lost-log-votes',
    sentence: 'who lost a part of its log votes as if it had never held it (paper 5.4.1)',
    file: `${CORE}/candidacy.ts`,
    text: 'if (promised !== undefined && !isOutdoneBy(',
    instead: 'if (promised?.index === -1 && !isOutdoneBy(',
  },
  {
    name: 'stalled-leader-stays',
    sentence: 'a leader whose disk does not answer keeps leading',
    file: `${CORE}/raft-core.ts`,
    text: '|| this.#handout.isDiskStalled) this',
    instead: ') this',
  },
  {
    name: 'acknowledged-before-stored',
    sentence: 'promises leave before the disk has what they promise (thesis 10.2.1)',
    file: `${SIM}/simulated-member.ts`,
    text: 'for (const message of ready.messages) this.#send(message)',
    instead: 'for (const message of [...ready.messages, ...ready.promises]) this.#send(message)',
  },
  {
    name: 'own-vote-unsaved',
    sentence: 'a candidate counts its own vote before its disk has it',
    file: `${CORE}/raft-core.ts`,
    text: 'if (isPre) this.#count(state.id, true)',
    instead: 'this.#count(state.id, true)',
  },
  {
    name: 'applied-ahead-of-log',
    sentence: 'entries are applied before the own disk has them',
    file: `${CORE}/raft-log.ts`,
    text: 'return Math.min(this.#committed, this.#saved)',
    instead: 'return this.#committed',
  },
  {
    name: 'snapshot-off-by-one',
    sentence: 'a snapshot says it stands for one entry more than it holds',
    file: `${SIM}/snapshot-stream.ts`,
    text: 'snapshot: core.describe(state.appliedIndex),',
    instead: 'snapshot: { ...core.describe(state.appliedIndex), index: state.appliedIndex + 1 },',
    also: [
      {
        file: `${SIM}/snapshot-stream.ts`,
        text: 'MachineState.decode(bytes)',
        instead: 'Object.assign(MachineState.decode(bytes), { appliedIndex: snapshot.index })',
      },
    ],
  },
  {
    name: 'reads-unconfirmed',
    sentence: 'a leader serves reads without asking whether it still leads (thesis 6.4)',
    file: `${CORE}/reads.ts`,
    text: 'if (settings.leaseMs === 0 || this.#isLeaseForfeit || !this.#isCurrent) return false',
    instead: 'if (settings.leaseMs >= 0) return this.#isCurrent',
  },
  {
    name: 'read-before-own-entry',
    sentence: 'a new leader serves reads before it knows what is committed (thesis 6.4, step 1)',
    file: `${CORE}/reads.ts`,
    text: 'return log.termAt(log.committed) === term',
    instead: 'return log.termAt(log.committed) !== -term',
  },
  {
    name: 'read-joins-running-round',
    sentence: 'a read is confirmed by heartbeats that left before it came',
    file: `${CORE}/reads.ts`,
    text: 'this.#waiting.push({ token, origin })',
    instead:
      ';((this.#rounds.at(-1)?.reads as WaitingRead[] | undefined) ?? this.#waiting).push({ token, origin })',
  },
  {
    name: 'lease-by-ticks',
    sentence: 'a leader serves reads by its lease after a pause that outlived it (thesis 6.4.1)',
    file: `${CORE}/raft-core.ts`,
    text: 'this.#state.nowMs = nowMs\n    if (this.#leadership !== undefined) {\n      return',
    instead: 'if (nowMs >= 0 && this.#leadership !== undefined) {\n      return',
  },
  {
    name: 'lease-without-check-quorum',
    sentence: 'a leader keeps its lease, and leads, without hearing a quorum (thesis 6.2, 6.4.1)',
    file: `${CORE}/leadership.ts`,
    text: 'if (!this.#heardFromQuorum()) return false',
    instead: '',
    also: [
      {
        file: `${CORE}/reads.ts`,
        text: 'return nowMs < this.#leaseEndMs',
        instead: 'return nowMs > 0 && this.#leaseEndMs > 0',
      },
    ],
  },
  {
    name: 'pre-vote-ignored',
    sentence: 'members that hear a leader let themselves be talked into an election (thesis 4.2.3, 9.6)',
    file: `${CORE}/raft-core.ts`,
    text: 'if (!request.isTransfer && this.#hearsLeader) return\n    if (!request.pre) this',
    instead: 'if (!request.pre) this',
  },
  {
    name: 'reply-table-not-replicated',
    sentence:
      'only the leader remembers its replies, so a call that is sent again is done again (thesis 6.3)',
    file: `${SIM}/machine.ts`,
    text: 'this.#replies.set(client, { sequence, answer })',
    instead: 'if (MachineState.leads) this.#replies.set(client, { sequence, answer })',
    also: [
      {
        file: `${SIM}/machine.ts`,
        text: '  digest = 0\n',
        instead: '  digest = 0\n  static leads = false\n',
      },
      {
        file: `${SIM}/simulated-member.ts`,
        text: 'const applied = this.state.apply(',
        instead:
          ";(this.state.constructor as any).leads = this.#core?.role === 'leader'\n" +
          '      const applied = this.state.apply(',
      },
    ],
  },
  {
    name: 'truncates-committed',
    sentence: 'a follower lets an old message take committed entries back (paper 5.3)',
    file: `${CORE}/follower.ts`,
    text: 'const first = log.firstNew(entries)',
    instead: 'const first = entries[0]',
    also: [
      {
        file: `${CORE}/follower.ts`,
        text: 'if (prevIndex < log.committed) return accept(state, from, log.committed)',
        instead: '',
      },
      {
        file: `${CORE}/raft-log.ts`,
        text: 'assert(index > this.#committed, `entry',
        instead: 'assert(index > 0, `entry',
      },
    ],
  },
  {
    name: 'applied-twice-after-restart',
    sentence: 'a restart applies entries that the state behind the snapshot has already',
    file: `${SIM}/simulated-member.ts`,
    text: 'this.state = image.state.copy()',
    instead: 'this.state = image.state.copy()\n    this.state.appliedIndex = image.base.index',
  },
  {
    name: 'clock-in-apply',
    sentence: 'what is applied depends on the clock of the member that applies it',
    file: `${SIM}/simulated-member.ts`,
    text: 'this.#world.writeOf(contentOf(entry))',
    instead:
      '((write?: ClientWrite) => write && ' +
      '{ ...write, call: { ...write.call, timeMs: Math.round(this.nowMs) } })' +
      '(this.#world.writeOf(contentOf(entry)))',
  },
  {
    name: 'snapshot-chunk-order',
    sentence: 'chunks of a snapshot are stored as they come, in whatever order',
    file: 'namenode/src/raft/snapshot-transfer.ts',
    text: "if (offset !== this.#taken || data.length === 0) return { kind: 'known' }",
    instead: '',
    also: [
      {
        file: `${SIM}/snapshot-stream.ts`,
        text: 'if (crc32c(bytes) !== crc) return this.#receiving.startAgain()',
        instead: 'if (bytes.length !== 0 && crc === -1) return this.#receiving.startAgain()',
      },
    ],
  },
  {
    name: 'lease-kept-in-handover',
    sentence: 'a leader keeps its lease after it asked a successor to stand',
    file: `${CORE}/leadership.ts`,
    text: 'this.reads.forfeitLease()',
    instead: '',
  },
  {
    name: 'lease-forgotten-at-restart',
    sentence: 'a restarted member votes at once, although it answered a leader that holds a lease',
    file: `${CORE}/patience.ts`,
    text: 'settings.leaseMs > 0 ? settings.electionTicks : 0',
    instead: '0',
  },
  {
    name: 'wiped-voter-returns',
    sentence: 'a voter that lost its disk comes back under its old id',
    file: `${SIM}/group.ts`,
    text: 'member.isWiped = true',
    instead: 'this.#add(member.id, member.disk.cached.base.configuration.voters)',
  },
  {
    name: 'lost-append-not-resent',
    sentence: 'a leader never asks again after a lost message',
    file: `${CORE}/leadership.ts`,
    text: 'this.#replication.askAfterHeartbeat(from, progress)',
    instead: '',
  },
  {
    name: 'joint-never-left',
    sentence: 'a change of membership stops in the middle',
    file: `${CORE}/leadership.ts`,
    text: 'this.#configure(membership.end())',
    instead: '',
  },
  {
    name: 'commit-beyond-match',
    sentence:
      'heartbeats commit entries that the follower may hold in another form (paper, figure 2, rule 5)',
    file: `${CORE}/replication.ts`,
    text: 'commit: Math.min(matched, committed)',
    instead: 'commit: committed',
  },
  {
    name: 'snapshot-keeps-configuration',
    sentence: 'a snapshot brings the state but not the configuration (paper, section 7)',
    file: `${CORE}/follower.ts`,
    text: 'membership.restore({ index, configuration })',
    instead: 'if (configuration.voters.length === 0) membership.restore({ index, configuration })',
  },
]
