/** A real namenode in a folder of its own, and clients of it. Test only. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir, userInfo } from 'node:os'
import { join } from 'node:path'
import { RpcClient, type RpcClientOptions } from '@hopbine/common/rpc/client.ts'
import { type Namenode, type NamenodeConfig, startNamenode } from '../namenode.ts'

export const TOKEN = 'a token of thirty-two characters'
export const OPERATOR_NAME = userInfo().username

/** What a test gives so that everything ends with it. */
export interface Ending {
  teardown(body: () => Promise<void> | void): void
}

export class ServedNamenode {
  readonly folder = mkdtempSync(join(tmpdir(), 'hopbine-namenode-'))
  readonly #clients: RpcClient[] = []
  #namenode: Namenode | undefined

  /** Starts one that ends with the test. */
  static async start(t: Ending, config: Partial<NamenodeConfig> = {}): Promise<ServedNamenode> {
    const served = new ServedNamenode()
    writeFileSync(join(served.folder, 'token'), `${TOKEN}\n`)
    t.teardown(() => served.end())
    await served.start(config)
    return served
  }

  get socketPath(): string {
    return join(this.folder, 'nn.sock')
  }

  get dataDir(): string {
    return join(this.folder, 'data')
  }

  get port(): number {
    return this.#namenode?.port ?? 0
  }

  config(config: Partial<NamenodeConfig> = {}): NamenodeConfig {
    return {
      dataDir: this.dataDir,
      socketPath: this.socketPath,
      host: '127.0.0.1',
      port: 0,
      tokenFile: join(this.folder, 'token'),
      logLevel: 'silent',
      cacheKiB: 4096,
      reserveBytes: 1024 * 1024,
      ...config,
    }
  }

  async start(config: Partial<NamenodeConfig> = {}): Promise<void> {
    this.#namenode = await startNamenode(this.config(config))
  }

  async stop(): Promise<void> {
    await this.#namenode?.stop()
    this.#namenode = undefined
  }

  /** A client session over the operator's socket. */
  client(options: Partial<RpcClientOptions> = {}): RpcClient {
    const client = new RpcClient({ address: { path: this.socketPath }, retryMs: 5_000, ...options })
    this.#clients.push(client)
    return client
  }

  async end(): Promise<void> {
    for (const client of this.#clients) client.close()
    await this.stop()
    rmSync(this.folder, { recursive: true, force: true })
  }
}
