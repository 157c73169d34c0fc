/** A group of real namenodes in folders of their own, in this process, and clients of it. Test only. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { groupStatus } from '@hopbine/common/protocol/raft.ts'
import { RpcClient, type RpcClientOptions } from '@hopbine/common/rpc/client.ts'
import type { Member } from '../../cluster/members.ts'
import { drawFirstFacts, foundMember } from '../membership.ts'
import { type Namenode, type NamenodeConfig, startNamenode } from '../namenode.ts'
import { type Ending, OPERATOR_NAME, TOKEN } from './served-namenode.ts'

const LEADER_MS = 20_000

export class ServedGroup {
  readonly folder = mkdtempSync(join(tmpdir(), 'hopbine-group-'))
  readonly #clients: RpcClient[] = []
  readonly #running = new Map<number, Namenode>()
  members: Member[] = []

  /** Starts one that ends with the test. */
  static async start(t: Ending, size = 3, config: Partial<NamenodeConfig> = {}): Promise<ServedGroup> {
    const group = new ServedGroup()
    t.teardown(() => group.end())
    writeFileSync(join(group.folder, 'token'), `${TOKEN}\n`)
    const ports = await freePorts(size)
    group.members = ports.map((port, at) => ({ id: at + 1, host: '127.0.0.1', port }))
    const first = drawFirstFacts(OPERATOR_NAME, 1_700_000_000)
    const voters = group.members.map(({ id }) => id)
    for (const self of voters) foundMember(group.dataDir(self), { self, voters, first })
    await Promise.all(voters.map(id => group.startMember(id, config)))
    return group
  }

  dataDir(id: number): string {
    return join(this.folder, `data-${id}`)
  }

  socketPath(id: number): string {
    return join(this.folder, `nn-${id}.sock`)
  }

  async startMember(id: number, config: Partial<NamenodeConfig> = {}): Promise<void> {
    const { port } = this.members[id - 1] as Member
    const namenode = await startNamenode({
      dataDir: this.dataDir(id),
      socketPath: this.socketPath(id),
      host: '127.0.0.1',
      port,
      tokenFile: join(this.folder, 'token'),
      logLevel: 'silent',
      cacheKiB: 4096,
      reserveBytes: 1024 * 1024,
      members: this.members,
      ...config,
    })
    this.#running.set(id, namenode)
  }

  async stopMember(id: number): Promise<void> {
    await this.#running.get(id)?.stop()
    this.#running.delete(id)
  }

  /** A session that follows the leader. */
  client(options: Partial<RpcClientOptions> = {}): RpcClient {
    const [first, ...others] = this.members.map(({ id }) => this.#seed(id))
    if (first === undefined) throw new RangeError('the group has no members')
    return this.#keep(new RpcClient({ ...first, others, retryMs: 20_000, ...options }))
  }

  /** A session with one member alone. */
  clientOf(id: number, retryMs = 0): RpcClient {
    return this.#keep(new RpcClient({ address: { path: this.socketPath(id) }, retryMs }))
  }

  /** The number of the member that leads and serves. */
  async leader(): Promise<number> {
    const deadline = performance.now() + LEADER_MS
    for (;;) {
      for (const id of this.#running.keys()) {
        if ((await this.clientOf(id).call(groupStatus, {})).serves) return id
      }
      if (performance.now() > deadline) throw new Error('nobody leads')
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.close()
    await Promise.all([...this.#running.keys()].map(id => this.stopMember(id)))
    rmSync(this.folder, { recursive: true, force: true })
  }

  #seed(id: number) {
    return { address: { path: this.socketPath(id) }, member: id }
  }

  #keep(client: RpcClient): RpcClient {
    this.#clients.push(client)
    return client
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
