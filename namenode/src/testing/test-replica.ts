/** One replica of a shard without a log: a database in memory and the real state machine on it. Test only. */
import assert from 'node:assert/strict'
import type { Host } from '@hopbine/common/base/host.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { ReadOperation } from '../operations/operation.ts'
import { Datanodes } from '../placement/datanodes.ts'
import type { Command } from '../replica/command.ts'
import { StateMachine } from '../replica/state-machine.ts'
import type { ChangeKeep } from '../store/change-feed.ts'
import { type FirstState, openDatabase } from '../store/database.ts'
import type { Reply } from '../store/sessions.ts'
import { stateHash, tableHashes } from '../store/state-hash.ts'
import { Tx } from '../store/tx.ts'
import { queryState } from './query-state.ts'
import { memoryFacts, rowsWritten } from './state-facts.ts'

/** The superuser of test shards, who owns the root. */
export const OPERATOR: Principal = { user: 'operator', groups: ['operator'], superuser: true }

export const FIRST_STATE: FirstState = {
  shard: 0,
  clusterId: 'c1'.repeat(8),
  capabilityKey: Buffer.alloc(32, 5),
  owner: OPERATOR.user,
  group: OPERATOR.user,
  seconds: 1_700_000_000,
}

const TERM = 1

export class TestReplica {
  readonly tx: Tx
  readonly machine: StateMachine
  readonly datanodes: Datanodes
  readonly #keep: ChangeKeep
  readonly #commitEvery: number
  #applied = 0

  /** Commits its SQLite transaction after so many commands. */
  constructor(host: Host, commitEvery: number, keep: ChangeKeep) {
    const db = openDatabase(':memory:', { cacheKiB: 1024 }, FIRST_STATE)
    this.tx = new Tx(db, keep)
    this.#keep = keep
    this.#commitEvery = commitEvery
    this.machine = new StateMachine(this.tx)
    const { meta } = this.tx
    this.datanodes = new Datanodes(
      host.clock,
      () => this.tx.datanodes.all,
      meta.capabilityKey,
      () => meta.capabilityEpoch,
    )
  }

  /** Applies the next entry; a refusal that wrote or changed anything fails the test. */
  apply(command: Command): Reply {
    return this.#watched(command, reply => reply.failed)
  }

  /** Applies the same write of the same session once more: the answer stays, and nothing happens. */
  replay(command: Command, first: Reply): void {
    const again = this.#watched(command, () => true)
    assert.equal(again.failed, first.failed)
    assert.deepEqual(
      Buffer.from(again.payload),
      Buffer.from(first.payload),
      `${command.operation.method.name}: the answer to a retry is the first one`,
    )
  }

  query(operation: ReadOperation, request: unknown, principal: Principal): Buffer {
    return queryState(this.tx, this.datanodes, operation, request, principal)
  }

  /** Digest of everything stored, with the change events from an index on. */
  hash(changesFrom: number): string {
    this.machine.commit()
    return stateHash(this.tx.db, changesFrom)
  }

  tableHashes(changesFrom: number): Record<string, string> {
    this.machine.commit()
    return tableHashes(this.tx.db, changesFrom)
  }

  /** The state as a restart finds it: everything in memory is rebuilt from the tables. */
  reopened(): Tx {
    this.machine.commit()
    return new Tx(this.tx.db, this.#keep)
  }

  #watched(command: Command, mustKeepStill: (reply: Reply) => boolean): Reply {
    const index = this.machine.appliedIndex + 1
    const [rows, facts] = [rowsWritten(this.tx), memoryFacts(this.tx)]
    const reply = this.machine.apply(index, TERM, command)
    if (mustKeepStill(reply)) {
      const { name } = command.operation.method
      assert.equal(rowsWritten(this.tx), rows, `${name}: a refusal or a retry writes no row`)
      assert.equal(memoryFacts(this.tx), facts, `${name}: a refusal or a retry changes nothing in memory`)
      assert.deepEqual(this.tx.feed.read(index, 10), [], `${name}: a refusal or a retry is no event`)
    }
    this.#applied += 1
    if (this.#applied % this.#commitEvery === 0) this.machine.commit()
    return reply
  }
}
