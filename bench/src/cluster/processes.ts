/**
 * A Hopbine for measurements: one that runs on a given home, or servers of our own as child processes on a
 * given or a temporary home. What it did not start it never stops.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { status } from '@hopbine/common/protocol/cluster.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { BenchError } from '../failure.ts'
import type { Door } from '../load/messages.ts'
import { pinProcess } from '../machine/pin.ts'
import { Group } from './group.ts'
import { HomeFolder, type UpFile } from './home-folder.ts'
import { RoleProcess, type RoleStart } from './role-process.ts'

export interface ClusterOptions {
  /** Absent: a temporary folder, gone afterwards. */
  readonly home?: string
  /** Started where nothing runs yet. */
  readonly datanodes: number
  /** Members of the group of namenodes that is started. Default 1: one without a group. */
  readonly namenodes?: number
  /** Core that the servers stay on. */
  readonly core?: number
  /** The workload stops servers itself, so a Hopbine that somebody else runs will not do. */
  readonly mustOwn: boolean
  /** A temporary home is left in place. */
  readonly keep: boolean
  readonly transport: 'tcp' | 'unix'
  /** Port on loopback where the namenode that is started lets itself be profiled. */
  readonly inspectPort?: number
}

export type Status = ResponseOf<typeof status>

const LOG_LEVEL = 'warn'
/** How long datanodes may take to show up at the namenode, in milliseconds. */
const DATANODES_MS_MAX = 20_000

export class ProcessCluster {
  readonly home: HomeFolder
  readonly #options: ClusterOptions
  readonly #roles = new Map<string, RoleProcess>()
  /** Of a Hopbine that runs already. */
  #foreign: { readonly roles: ReadonlyMap<string, number>; readonly door: Door } | undefined
  #operator: RpcClient | undefined
  #group: Group | undefined

  private constructor(home: HomeFolder, options: ClusterOptions) {
    this.home = home
    this.#options = options
  }

  static async open(options: ClusterOptions): Promise<ProcessCluster> {
    const folder = options.home ?? (await mkdtemp(join(tmpdir(), 'hopbine-bench-')))
    const cluster = new ProcessCluster(new HomeFolder(folder), options)
    try {
      if (!(await cluster.#attach())) await cluster.#start()
      return cluster
    } catch (error) {
      await cluster.close()
      throw error
    }
  }

  /** Whether this process started the servers. */
  get isOwn(): boolean {
    return this.#foreign === undefined
  }

  /** Process ids by role: `namenode`, `datanode-1`, … */
  get pids(): ReadonlyMap<string, number> {
    if (this.#foreign !== undefined) return this.#foreign.roles
    return new Map([...this.#roles].map(([role, { pid }]) => [role, pid]))
  }

  pidOf(role: string): number {
    const pid = this.pids.get(role)
    if (pid === undefined) throw new BenchError(`no ${role} runs on ${this.home.path}`)
    return pid
  }

  /** The group of namenodes that was started here. */
  get group(): Group {
    if (this.#group === undefined) throw new BenchError('no group of namenodes was started here')
    return this.#group
  }

  get namenodeRoles(): string[] {
    return [...this.pids.keys()].filter(isNamenode)
  }

  get namenodePids(): number[] {
    return this.namenodeRoles.map(role => this.pidOf(role))
  }

  /** Where the namenode that leads answers. */
  async leaderDoor(): Promise<Door> {
    const door = await this.door()
    if (this.#group === undefined) return door
    const leader = await this.#group.leader()
    return [door, ...(door.others ?? [])].find(({ member }) => member === leader) ?? door
  }

  /** Where load generators connect. */
  async door(): Promise<Door> {
    if (this.#foreign !== undefined) return this.#foreign.door
    const isUnix = this.#options.transport === 'unix'
    if (this.#group !== undefined) {
      const { numbers } = this.#group
      const token = await this.home.token()
      const seeds = numbers.map(number => {
        const port = this.#group?.portOf(number) ?? 0
        return isUnix
          ? { address: { path: this.home.memberSocket(number) }, member: number }
          : { address: { host: '127.0.0.1', port }, member: number, token }
      })
      return { ...(seeds[0] as Door), others: seeds.slice(1) }
    }
    if (isUnix) return { address: { path: this.home.socket } }
    const namenode = this.#roles.get('namenode')
    if (namenode === undefined) throw new BenchError('the namenode does not run')
    return { address: namenode.address, token: await this.home.token() }
  }

  /** A session of the bench process itself, for questions between measurements. It lives through restarts. */
  async operator(): Promise<RpcClient> {
    this.#operator ??= new RpcClient(await this.door())
    return this.#operator
  }

  async status(): Promise<Status> {
    return (await this.operator()).call(status, {})
  }

  /** Ends one server, gracefully or not. */
  async end(role: string, signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    if (!this.isOwn) throw new BenchError('a Hopbine that was not started here is not stopped here')
    await this.#roles.get(role)?.end(signal)
  }

  /** Stops one server where it is, or lets it go on. */
  signal(role: string, signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.isOwn) throw new BenchError('a Hopbine that was not started here is not stopped here')
    this.#roles.get(role)?.signal(signal)
  }

  /** Starts a server that has ended, on its files and its port. */
  async startAgain(role: string): Promise<void> {
    await this.#startRole(this.#specOf(role))
    await this.#writeUp()
  }

  /** Starts a server that has ended, and kills it so many milliseconds later. */
  async startAndKill(role: string, killAfterMs: number): Promise<void> {
    await RoleProcess.startAndKill(this.#specOf(role), killAfterMs)
  }

  /** Servers of ours that ended by themselves, in words. */
  async deaths(): Promise<string[]> {
    const deaths = await Promise.all([...this.#roles.values()].map(role => role.death()))
    return deaths.filter(death => death !== undefined)
  }

  /** Stops what was started and removes a temporary home. */
  async close(): Promise<void> {
    this.#operator?.close()
    if (!this.isOwn) return
    const roles = [...this.#roles.values()]
    const [namenodes, others] = [true, false].map(is => roles.filter(role => isNamenode(role.role) === is))
    for (const each of [others, namenodes]) await Promise.all((each ?? []).map(role => role.end('SIGTERM')))
    await this.home.removeUp()
    if (this.#options.home !== undefined || this.#options.keep) return
    await rm(this.home.path, { recursive: true, force: true })
  }

  /** True if a Hopbine runs on the home; then it is used. */
  async #attach(): Promise<boolean> {
    const up = await this.home.up()
    if (up === undefined || !isAlive(up.pid)) return false
    if (this.#options.mustOwn) {
      throw new BenchError(
        `this workload stops and starts servers: stop the Hopbine on ${this.home.path} first`,
      )
    }
    const door = await this.#doorOf(up)
    this.#foreign = { roles: new Map(up.roles.map(({ role, pid }) => [role, pid])), door }
    const { core } = this.#options
    if (core !== undefined) for (const { pid } of up.roles) await pinProcess(pid, core)
    return true
  }

  async #start(): Promise<void> {
    await this.home.prepare()
    await this.#startNamenodes(this.#options.namenodes ?? 1)
    for (let number = 1; number <= this.#options.datanodes; number++) {
      await this.#startRole(this.#specOf(`datanode-${number}`))
    }
    await this.#writeUp()
    await this.#untilDatanodes()
  }

  async #startNamenodes(count: number): Promise<void> {
    if (count === 1) return this.#startRole(this.#specOf('namenode'))
    this.#group = await Group.found(this.home, count)
    const roles = this.#group.numbers.map(number => `namenode-${number}`)
    await Promise.all(roles.map(role => this.#startRole(this.#specOf(role))))
    await this.#group.leader()
  }

  async #doorOf({ namenodes, rpc, socket }: UpFile): Promise<Door> {
    const token = await this.home.token()
    const all = namenodes ?? [{ rpc, socket }]
    const isUnix = this.#options.transport === 'unix'
    const seeds = all.map((each, index) => {
      const where = isUnix ? { address: { path: each.socket } } : { address: each.rpc, token }
      return all.length === 1 ? where : { ...where, member: index + 1 }
    })
    return { ...(seeds[0] as Door), others: seeds.slice(1) }
  }

  async #startRole(start: RoleStart): Promise<void> {
    this.#roles.set(start.role, await RoleProcess.start(start))
  }

  /** How a role is started; on the port that it had, if it ran before. */
  #specOf(role: string): RoleStart {
    const { inspectPort, core } = this.#options
    const isServer = isNamenode(role)
    const isInspected = inspectPort !== undefined && (role === 'namenode' || role === 'namenode-1')
    const own = isServer ? this.#namenodeWords(role) : this.#datanodeWords(role)
    return {
      role,
      argv: [...own, '--metrics-port', '0', '--log-level', LOG_LEVEL],
      logFile: this.home.logFile(role),
      environment: isInspected ? { NODE_OPTIONS: `--inspect=127.0.0.1:${inspectPort}` } : {},
      ...(core === undefined ? {} : { core }),
    }
  }

  #namenodeWords(role: string): string[] {
    const { namenodeFolder, socket, tokenFile } = this.home
    const number = Number(role.slice('namenode-'.length))
    const group = this.#group
    const own =
      group === undefined
        ? ['--data-dir', namenodeFolder, '--socket', socket, '--port', String(this.#portOf(role))]
        : [
            ...['--data-dir', this.home.memberFolder(number), '--socket', this.home.memberSocket(number)],
            ...['--port', String(group.portOf(number)), ...group.words],
          ]
    return ['namenode', ...own, '--token-file', tokenFile]
  }

  #datanodeWords(role: string): string[] {
    const { socket } = this.home
    const sockets = this.#group?.numbers.map(number => this.home.memberSocket(number)) ?? [socket]
    return [
      ...['datanode', '--data-dir', this.home.datanodeFolder(role), '--port', String(this.#portOf(role))],
      ...sockets.flatMap(path => ['--namenode', path]),
    ]
  }

  #portOf(role: string): number {
    return this.#roles.get(role)?.address.port ?? 0
  }

  async #writeUp(): Promise<void> {
    const roles = [...this.#roles.values()].map(({ role, pid, address }) => ({ role, pid, rpc: address }))
    const rpc = roles[0]?.rpc ?? { host: '', port: 0 }
    const namenodes = this.#group?.numbers.map(number => ({
      rpc: { host: '127.0.0.1', port: this.#group?.portOf(number) ?? 0 },
      socket: this.home.memberSocket(number),
    }))
    const socket = namenodes?.[0]?.socket ?? this.home.socket
    const group = namenodes === undefined ? {} : { namenodes }
    await this.home.writeUp({ pid: process.pid, roles, rpc, socket, ...group })
  }

  async #untilDatanodes(): Promise<void> {
    const deadline = performance.now() + DATANODES_MS_MAX
    for (;;) {
      const { datanodes } = await this.status()
      const alive = datanodes.filter(({ silentMs }) => silentMs >= 0).length
      if (alive >= this.#options.datanodes) return
      if (performance.now() > deadline) throw new BenchError(`${alive} datanodes came up`)
      await new Promise(resolve => setTimeout(resolve, 50))
    }
  }
}

function isNamenode(role: string): boolean {
  return role.startsWith('namenode')
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM'
  }
}
