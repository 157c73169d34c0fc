/**
 * The roles of one machine under one roof: starts the namenodes, then the datanodes, keeps them running and
 * stops them in the opposite order. It knows no home folder and writes no files.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { type RoleEvents, type RoleSpec, SupervisedRole } from './supervised-role.ts'

export interface SupervisorEvents extends RoleEvents {
  onStarting(role: string): void
}

/** Time for what uses the servers to stop before it is killed, in milliseconds: it may have much to save. */
const USERS_STOP_MS = 10_000
/** Time for the datanodes, then for the namenodes, to stop before they are killed, in milliseconds. */
const DATANODES_STOP_MS = 2_000
const NAMENODE_STOP_MS = 2_500

export class Supervisor {
  readonly #namenodes: readonly SupervisedRole[]
  readonly #datanodes: SupervisedRole[] = []
  /** What uses the servers: started after them, stopped before them. */
  readonly #users: SupervisedRole[] = []
  readonly #events: SupervisorEvents
  #stopping = false

  constructor(namenodes: readonly RoleSpec[], events: SupervisorEvents) {
    this.#events = events
    // The others of a group go on without a member that is lost.
    const onGivenUp = namenodes.length > 1 ? events.onNotice : events.onGivenUp
    this.#namenodes = namenodes.map(spec => new SupervisedRole(spec, { ...events, onGivenUp }))
  }

  get roles(): readonly SupervisedRole[] {
    return [...this.#namenodes, ...this.#datanodes]
  }

  /**
   * Starts everything; `datanodes` makes their specs once the namenodes' addresses are known. Resolves to
   * undefined when all serve, of a group at least a majority, or to the sentence of the first that could not
   * start.
   */
  async start(datanodes: () => readonly RoleSpec[]): Promise<string | undefined> {
    const failures = await this.#startAll(this.#namenodes)
    const isEnough = failures.length * 2 < this.#namenodes.length
    if (!isEnough || this.#stopping) return failures[0]
    for (const sentence of failures) this.#events.onNotice(sentence)
    for (const spec of datanodes()) this.#datanodes.push(new SupervisedRole(spec, this.#events))
    return (await this.#startAll(this.#datanodes))[0]
  }

  /** The sentences of those that could not start. */
  async #startAll(roles: readonly SupervisedRole[]): Promise<string[]> {
    const failures = await Promise.all(
      roles.map(role => {
        this.#events.onStarting(role.spec.role)
        return role.start()
      }),
    )
    return failures.filter(sentence => sentence !== undefined)
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
    await stopWithin(this.#namenodes, NAMENODE_STOP_MS)
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
