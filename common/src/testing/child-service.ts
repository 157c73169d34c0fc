/**
 * A service in a process of its own, so that a test can kill it. It says where it listens in one line of
 * JSON.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'

export class ChildService {
  readonly address: { readonly host: string; readonly port: number }
  readonly nodeId: string
  readonly #child: ChildProcess

  private constructor(
    child: ChildProcess,
    said: { address: { host: string; port: number }; nodeId: string },
  ) {
    this.#child = child
    this.address = said.address
    this.nodeId = said.nodeId
  }

  /**
   * Runs the file at URL `main`. Resolves when it serves; rejects with what it said when it does not come up.
   */
  static async start(main: string, config: unknown): Promise<ChildService> {
    const argv = ['--disable-warning=ExperimentalWarning', fileURLToPath(main), JSON.stringify(config)]
    const child = spawn(process.execPath, argv, { stdio: ['ignore', 'pipe', 'pipe'] })
    let complaint = ''
    child.stderr?.on('data', chunk => {
      complaint += String(chunk)
    })
    const said = await Promise.race([
      once(child.stdout as NodeJS.ReadableStream, 'data').then(([chunk]) => String(chunk)),
      once(child, 'close').then(() => {
        throw new Error(complaint)
      }),
    ])
    return new ChildService(child, JSON.parse(said))
  }

  get pid(): number {
    return this.#child.pid as number
  }

  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<number | null> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return this.#child.exitCode
    this.#child.kill(signal)
    await once(this.#child, 'close')
    return this.#child.exitCode
  }
}
