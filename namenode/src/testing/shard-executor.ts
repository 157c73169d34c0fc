/** Runs requests on a test shard of two replicas in memory. Test only. */
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { WriteOperation } from '../operations/operation.ts'
import type { Tx } from '../store/tx.ts'
import { CLIENTS, type Executor, type Outcome, outcomeOf } from './executor.ts'
import type { TestSession } from './test-session.ts'
import { TestShard } from './test-shard.ts'

export class ShardExecutor implements Executor {
  readonly #shard = new TestShard()
  readonly #sessions: readonly TestSession[]
  readonly clientIds: readonly string[]

  constructor() {
    this.#shard.addDatanodes('n1', 'n2')
    this.#sessions = CLIENTS.map(principal => this.#shard.session(principal))
    this.clientIds = this.#sessions.map(session => session.clientId)
  }

  get state(): Tx {
    return this.#shard.state
  }

  get nowMs(): number {
    const { seconds, nanos } = this.#shard.time.host.clock.wall()
    return seconds * 1000 + nanos / 1e6
  }

  async write<Req, Res>(client: number, method: Method<Req, Res>, request: Req): Promise<Outcome<Res>> {
    return outcomeOf(() => (this.#sessions[client] as TestSession).write(method, request))
  }

  async repeat(client: number): Promise<void> {
    this.#shard.repeat(this.#sessions[client] as TestSession)
  }

  read<Req, Res>(principal: Principal, method: Method<Req, Res>, request: Req): Outcome<Res> {
    return outcomeOf(() => this.#shard.read(method, request, principal))
  }

  async own<Res>(operation: WriteOperation, body: unknown): Promise<Res> {
    return this.#shard.own<Res>(operation, body)
  }

  setSilent(clientIds: readonly string[]): void {
    this.#shard.silent = [...clientIds]
  }

  /** Two replicas in memory do not restart: they are compared. */
  async restart(): Promise<void> {
    this.#shard.verify()
  }

  async checkpoint(): Promise<void> {
    this.#shard.events()
  }

  async finish(): Promise<void> {
    this.#shard.verify()
  }
}
