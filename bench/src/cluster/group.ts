/** The members of a group of namenodes that a cluster of ours runs: where they are, and which one leads. */
import { createServer } from 'node:net'
import { userInfo } from 'node:os'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import { groupStatus } from '@hopbine/common/protocol/raft.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { drawFirstFacts, foundMember, readMembership } from '@hopbine/namenode/server/membership.ts'
import { BenchError } from '../failure.ts'
import type { HomeFolder } from './home-folder.ts'

export type GroupStatus = ResponseOf<typeof groupStatus>

/** How long an election may take, and between two looks, in milliseconds. */
const LEADER_MS = 30_000
const LOOK_MS = 10
/** How long one member may take to say how it is, in milliseconds. */
const ANSWER_MS = 1_000

export class Group {
  readonly #home: HomeFolder
  /** TCP ports, which members know of one another. */
  readonly #ports: readonly number[]

  private constructor(home: HomeFolder, ports: readonly number[]) {
    this.#home = home
    this.#ports = ports
  }

  /** Founds the members of a new home; those that are there stay as they are. */
  static async found(home: HomeFolder, size: number): Promise<Group> {
    const voters = Array.from({ length: size }, (_, index) => index + 1)
    const first = drawFirstFacts(userInfo().username, Math.floor(Date.now() / 1000))
    for (const self of voters) {
      const folder = home.memberFolder(self)
      if (readMembership(folder) === undefined) foundMember(folder, { self, voters, first })
    }
    return new Group(home, await freePorts(size))
  }

  get numbers(): number[] {
    return this.#ports.map((_, index) => index + 1)
  }

  portOf(number: number): number {
    return this.#ports[number - 1] as number
  }

  /** Words that tell a member where all are. */
  get words(): string[] {
    return this.numbers.flatMap(number => ['--member', `${number}=127.0.0.1:${this.portOf(number)}`])
  }

  /** What one member says of the group; undefined if it does not answer. */
  async ask(number: number): Promise<GroupStatus | undefined> {
    const client = new RpcClient({ address: { path: this.#home.memberSocket(number) }, retryMs: 0 })
    try {
      return await client.call(groupStatus, {}, { signal: AbortSignal.timeout(ANSWER_MS) })
    } catch {
      // Dead or stopped: that is an answer, too.
      return undefined
    } finally {
      client.close()
    }
  }

  /** The number of the member that leads and serves. */
  async leader(): Promise<number> {
    const deadline = performance.now() + LEADER_MS
    while (performance.now() < deadline) {
      const answers = await Promise.all(this.numbers.map(number => this.ask(number)))
      const leading = answers.filter(answer => answer?.serves === true)
      // One that was stopped may not know yet that it leads no more.
      const newest = leading.sort((a, b) => (b?.term ?? 0) - (a?.term ?? 0))[0]
      if (newest !== undefined) return newest.self
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
    throw new BenchError(`nobody leads within ${LEADER_MS} ms`)
  }

  /** Resolves when every member has applied what was committed when it was asked. */
  async untilLevel(limitMs: number): Promise<void> {
    const deadline = performance.now() + limitMs
    const committed = (await this.ask(await this.leader()))?.committed ?? 0
    for (;;) {
      const answers = await Promise.all(this.numbers.map(number => this.ask(number)))
      if (answers.every(answer => (answer?.applied ?? -1) >= committed)) return
      if (performance.now() > deadline) {
        const seen = answers.map(answer => answer?.applied ?? 'away').join(', ')
        throw new BenchError(`members have applied ${seen} of ${committed} after ${limitMs} ms`)
      }
      await new Promise(resolve => setTimeout(resolve, LOOK_MS))
    }
  }
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
    ports.push((server.address() as { port: number }).port)
  }
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}
