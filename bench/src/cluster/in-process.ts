/**
 * A whole cluster in this process, over real sockets and real files in a temporary home: a namenode and
 * some datanodes. For tests and measurements; nothing outlives `stop`, and nothing outside the home is
 * touched.
 */
import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ConnectOptions, FileSystem } from '@hopbine/client/index.ts'
import { status } from '@hopbine/common/protocol/cluster.ts'
import { type Datanode, type DatanodeConfig, startDatanode } from '@hopbine/datanode/server/datanode.ts'
import { type Namenode, type NamenodeConfig, startNamenode } from '@hopbine/namenode/server/namenode.ts'

export interface BootOptions {
  /** Default 1. */
  readonly datanodes?: number
  readonly logLevel?: string
  /** What the namenode is to have differently. */
  readonly namenode?: Partial<NamenodeConfig>
  /** What every datanode is to have differently. */
  readonly datanode?: Partial<DatanodeConfig>
}

export interface Cluster {
  /** Home folder with `up.json` and `secrets/`, as `hopbine up` makes it. */
  readonly home: string
  /** A session as the operator, over the Unix socket; closed by `stop` at the latest. */
  connect(options?: ConnectOptions): Promise<FileSystem>
  /** Block ports of the datanodes, in order; a stopped one keeps its port. */
  readonly datanodePorts: readonly number[]
  /** Stops one datanode, from 0; its files stay. */
  stopDatanode(index: number): Promise<void>
  /** Starts it again on its files and its old port. */
  startDatanode(index: number): Promise<void>
  /** Stops the namenode and starts it again on its files, socket and port. */
  restartNamenode(): Promise<void>
  stop(): Promise<void>
}

/** How long the datanodes may take to show up, in milliseconds. */
const READY_MS_MAX = 10_000
/** Short, so that tests of datanodes that come and go need not wait. */
const HEARTBEAT_MS = 500

/** Resolves when every datanode is registered and takes blocks. */
export async function bootInProcess(options: BootOptions = {}): Promise<Cluster> {
  const home = await mkdtemp(join(tmpdir(), 'hopbine-'))
  const cluster = new InProcessCluster(home, options)
  try {
    await cluster.start()
    return cluster
  } catch (error) {
    await cluster.stop()
    throw error
  }
}

class InProcessCluster implements Cluster {
  readonly home: string
  readonly #options: BootOptions
  readonly #sessions = new Set<FileSystem>()
  readonly #datanodes: Array<{ running: Datanode | undefined; port: number }> = []
  #namenode: Namenode | undefined
  #port = 0

  constructor(home: string, options: BootOptions) {
    this.home = home
    this.#options = options
  }

  async start(): Promise<void> {
    for (const folder of ['run', 'secrets']) await mkdir(join(this.home, folder), { mode: 0o700 })
    await writeFile(this.#tokenFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
    await this.#startNamenode()
    const count = this.#options.datanodes ?? 1
    for (let index = 0; index < count; index++) {
      this.#datanodes.push({ running: undefined, port: 0 })
      await this.startDatanode(index)
    }
    await this.#untilReady(count)
  }

  async connect(options: ConnectOptions = {}): Promise<FileSystem> {
    const session = await FileSystem.connect({ home: this.home, ...options })
    this.#sessions.add(session)
    return session
  }

  get datanodePorts(): readonly number[] {
    return this.#datanodes.map(({ port }) => port)
  }

  async startDatanode(index: number): Promise<void> {
    const datanode = this.#datanodes[index]
    if (datanode === undefined || datanode.running !== undefined) {
      throw new RangeError(`there is no stopped datanode ${index}`)
    }
    datanode.running = await startDatanode({
      dataDir: join(this.home, `datanode-${index + 1}`),
      namenode: { address: { path: this.#socket } },
      host: '127.0.0.1',
      port: datanode.port,
      logLevel: this.#logLevel,
      heartbeatMs: HEARTBEAT_MS,
      ...this.#options.datanode,
    })
    datanode.port = datanode.running.address.port
  }

  async stopDatanode(index: number): Promise<void> {
    const datanode = this.#datanodes[index]
    const running = datanode?.running
    if (datanode === undefined || running === undefined)
      throw new RangeError(`datanode ${index} does not run`)
    datanode.running = undefined
    await running.stop()
  }

  async restartNamenode(): Promise<void> {
    await this.#namenode?.stop()
    await this.#startNamenode()
  }

  async stop(): Promise<void> {
    for (const session of this.#sessions) session.close()
    for (const { running } of this.#datanodes) await running?.stop()
    await this.#namenode?.stop()
    await rm(this.home, { recursive: true, force: true })
  }

  get #socket(): string {
    return join(this.home, 'run', 'namenode.sock')
  }

  get #tokenFile(): string {
    return join(this.home, 'secrets', 'rpc.token')
  }

  get #logLevel(): string {
    return this.#options.logLevel ?? 'warn'
  }

  async #startNamenode(): Promise<void> {
    this.#namenode = await startNamenode({
      dataDir: join(this.home, 'namenode'),
      socketPath: this.#socket,
      host: '127.0.0.1',
      port: this.#port,
      tokenFile: this.#tokenFile,
      logLevel: this.#logLevel,
      // Test machines may be short of disk; the bound itself is tested with the namenode.
      reserveBytes: 0,
      ...this.#options.namenode,
    })
    const { host, port } = this.#namenode
    this.#port = port
    await writeFile(join(this.home, 'up.json'), JSON.stringify({ rpc: { host, port }, socket: this.#socket }))
  }

  async #untilReady(count: number): Promise<void> {
    const session = await this.connect()
    const deadline = performance.now() + READY_MS_MAX
    for (;;) {
      const { datanodes } = await session.call(status, {})
      if (datanodes.filter(({ silentMs }) => silentMs >= 0).length >= count) return
      if (performance.now() > deadline) throw new Error(`${datanodes.length} of ${count} datanodes came up`)
      await new Promise(resolve => setTimeout(resolve, 20))
    }
  }
}
