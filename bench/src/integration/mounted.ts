/**
 * A mount for tests: the daemon as a process of its own, started, stopped and crashed as users and machines
 * do.
 */
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { accessSync, constants, mkdtempSync } from 'node:fs'
import { readdir, readFile, rm } from 'node:fs/promises'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const LAUNCHER = fileURLToPath(new URL('../../../scripts/hopbine', import.meta.url))
/** How long a mount may take to come or go on a machine that is busy with other things, in milliseconds. */
const CHANGE_MS = 90_000

const runFile = promisify(execFile)

/** Why nothing can be mounted here; undefined if it can. */
export function mountHindrance(): string | undefined {
  if (process.getuid?.() !== 0) return 'mounting needs root'
  try {
    accessSync('/dev/fuse', constants.R_OK | constants.W_OK)
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

export interface MountFigures {
  readonly operations: Readonly<Record<string, { readonly count: number }>>
  /** Inodes and names that the kernel was told to forget, and how often it was too busy for one name. */
  readonly invalidations: { readonly inodes: number; readonly names: number; readonly epochs: number }
  /** Of directory leases; absent without them. */
  readonly leases?: Readonly<Record<string, number>>
}

export class Mounted {
  readonly directory: string
  readonly #home: string
  readonly #args: readonly string[]
  #child: ChildProcess | undefined
  #said = ''
  #isWanted = false

  private constructor(home: string, args: readonly string[]) {
    this.#home = home
    this.#args = args
    this.directory = mkdtempSync(join(tmpdir(), 'hopbine-mnt-'))
  }

  static async start(home: string, ...args: string[]): Promise<Mounted> {
    const mounted = new Mounted(home, args)
    await mounted.mount()
    return mounted
  }

  get pid(): number {
    return this.#child?.pid as number
  }

  /** The daemon is there, and was not told to end. */
  get isRunning(): boolean {
    return this.#isWanted && this.#child?.exitCode === null && this.#child.signalCode === null
  }

  /** What the daemon has told on its standard error. */
  get said(): string {
    return this.#said
  }

  path(...names: string[]): string {
    return join(this.directory, ...names)
  }

  async mount(): Promise<void> {
    const words = ['mount', '--home', this.#home, '--allow-other', ...this.#args, this.directory]
    const child = spawn(LAUNCHER, words, { stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child = child
    this.#said = ''
    child.stderr?.on('data', (part: Buffer) => {
      this.#said += part.toString()
    })
    await this.#until('the mount', () => this.#said.includes('is mounted at'))
    this.#isWanted = true
  }

  /** Ends the daemon in order, which unmounts. */
  async stop(): Promise<void> {
    this.#isWanted = false
    if (this.#child?.exitCode === null) this.#child.kill('SIGTERM')
    await this.untilEnd()
  }

  /** Resolves when the daemon is gone, whoever has ended it. */
  async untilEnd(): Promise<void> {
    const child = this.#child
    await this.#until('the end of the mount', () => child?.exitCode !== null || child.signalCode !== null)
  }

  /** Ends the daemon as a crash would; the mount point stays, and answers nobody. */
  async crash(): Promise<void> {
    this.#isWanted = false
    this.#child?.kill('SIGKILL')
    await this.untilEnd()
  }

  async remove(): Promise<void> {
    await this.stop()
    await rm(this.directory, { recursive: true, force: true })
  }

  /** What the daemon has counted until now. */
  async figures(): Promise<MountFigures> {
    const folder = join(this.#home, 'run')
    const names = (await readdir(folder)).filter(name => /^mount-[0-9a-f]+\.json$/.test(name))
    for (const name of names) {
      const state = JSON.parse(await readFile(join(folder, name), 'utf8'))
      if (state.directory === this.directory) return JSON.parse(await readAll(state.socket))
    }
    throw new Error(`no mount at ${this.directory}`)
  }

  /** Runs a program in the mount; rejects with what it said when it fails. */
  async run(program: string, ...args: string[]): Promise<string> {
    const { stdout } = await runFile(program, args, { cwd: this.directory, maxBuffer: 64 * 1024 * 1024 })
    return stdout
  }

  async #until(what: string, holds: () => boolean): Promise<void> {
    for (const deadline = performance.now() + CHANGE_MS; !holds(); ) {
      if (performance.now() > deadline) throw new Error(`${what} did not come: ${this.#said}`)
      if (what === 'the mount' && this.#child?.exitCode !== null) throw new Error(this.#said)
      await sleep(20)
    }
  }
}

function readAll(socketPath: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = []
    connect(socketPath)
      .on('data', (part: Buffer) => parts.push(part))
      .on('end', () => resolve(Buffer.concat(parts).toString()))
      .on('error', reject)
  })
}
