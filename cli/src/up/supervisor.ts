/**
 * The roles of one machine under one roof: starts the namenode, then the datanodes, keeps them running and
 * stops them in the opposite order. It knows no home folder and writes no files.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ReadyMessage } from './role-message.ts'
import { type RoleEvents, type RoleSpec, SupervisedRole } from './supervised-role.ts'

export interface SupervisorEvents extends RoleEvents {
  onStarting(role: string): void
}

/** Time for what uses the servers to stop before it is killed, in milliseconds: it may have much to save. */
const USERS_STOP_MS = 10_000
/** Time for the datanodes, then for the namenode, to stop before they are killed, in milliseconds. */
const DATANODES_STOP_MS = 2_000
const NAMENODE_STOP_MS = 2_500

export class Supervisor {
  readonly #namenode: SupervisedRole
  readonly #datanodes: SupervisedRole[] = []
  /** What uses the servers: started after them, stopped before them. */
  readonly #users: SupervisedRole[] = []
  readonly #events: SupervisorEvents
  #stopping = false

  constructor(namenode: RoleSpec, events: SupervisorEvents) {
    this.#events = events
    this.#namenode = new SupervisedRole(namenode, events)
  }

  get roles(): readonly SupervisedRole[] {
    return [this.#namenode, ...this.#datanodes]
  }

  /**
   * Starts everything; `datanodes` makes their specs once the namenode's address is known. Resolves to
   * undefined when all serve, or to the sentence of the first that could not start.
   */
  async start(datanodes: (namenode: ReadyMessage) => readonly RoleSpec[]): Promise<string | undefined> {
    this.#events.onStarting(this.#namenode.spec.role)
    const failure = await this.#namenode.start()
    const { address } = this.#namenode
    if (failure !== undefined || address === undefined || this.#stopping) return failure
    for (const spec of datanodes(address)) this.#datanodes.push(new SupervisedRole(spec, this.#events))
    const failures = await Promise.all(
      this.#datanodes.map(datanode => {
        this.#events.onStarting(datanode.spec.role)
        return datanode.start()
      }),
    )
    return failures.find(sentence => sentence !== undefined)
  }

  /**
   * Starts a role that uses the servers. Resolves to undefined when it serves, or to the sentence why it
   * cannot.
   */
  async startUser(spec: RoleSpec): Promise<string | undefined> {
    const role = new SupervisedRole(spec, this.#events)
    this.#users.push(role)
    this.#events.onStarting(spec.role)
    return role.start()
  }

  /** Stops every role, the namenode last; kills what does not stop in time. */
  async stop(): Promise<void> {
    this.#stopping = true
    await stopWithin(this.#users, USERS_STOP_MS)
    await stopWithin(this.#datanodes, DATANODES_STOP_MS)
    await stopWithin([this.#namenode], NAMENODE_STOP_MS)
  }

  kill(): void {
    this.#stopping = true
    for (const role of [...this.roles, ...this.#users]) role.kill()
  }
}

async function stopWithin(roles: readonly SupervisedRole[], limitMs: number): Promise<void> {
  const all = Promise.all(roles.map(role => role.stop()))
  const late = await Promise.race([all.then(() => false), sleep(limitMs, true, { ref: false })])
  if (!late) return
  for (const role of roles) role.kill()
  await all
}
