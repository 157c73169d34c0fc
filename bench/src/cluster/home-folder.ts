/**
 * A home folder as `hopbine up` makes it: folders, token and stamp, and the file `up.json` while servers run
 * on it.
 */
import { createHash, randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { BenchError } from '../failure.ts'

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

export interface UpRole {
  readonly role: string
  readonly pid: number
  readonly rpc: TcpAddress
}

export interface UpNamenode {
  readonly rpc: TcpAddress
  readonly socket: string
}

export interface UpFile {
  readonly pid: number
  readonly roles: readonly UpRole[]
  readonly rpc: TcpAddress
  readonly socket: string
  /** Of a group, in the order of their numbers. */
  readonly namenodes?: readonly UpNamenode[]
}

const PRIVATE = 0o700

export class HomeFolder {
  readonly path: string

  constructor(path: string) {
    this.path = path
  }

  get socket(): string {
    return join(this.path, 'run', 'namenode.sock')
  }

  get tokenFile(): string {
    return join(this.path, 'secrets', 'rpc.token')
  }

  get namenodeFolder(): string {
    return join(this.path, 'namenode')
  }

  /** Of a member of a group, from 1. */
  memberFolder(number: number): string {
    return join(this.path, `namenode-${number}`)
  }

  memberSocket(number: number): string {
    return join(this.path, 'run', `namenode-${number}.sock`)
  }

  /** Of `datanode-1` and so on. */
  datanodeFolder(role: string): string {
    return join(this.path, role)
  }

  logFile(role: string): string {
    return join(this.path, 'logs', `${role}.log`)
  }

  /** Makes what is missing; an installation that is there stays as it is. */
  async prepare(): Promise<void> {
    for (const folder of ['', 'run', 'secrets', 'logs']) {
      await mkdir(join(this.path, folder), { recursive: true, mode: PRIVATE })
    }
    const format = join(this.path, 'format.json')
    if (!existsSync(format)) await writeFile(format, `${JSON.stringify({ format: 1 })}\n`)
    if (existsSync(this.tokenFile)) return
    await writeFile(this.tokenFile, `${randomBytes(32).toString('hex')}\n`, { mode: 0o600 })
  }

  async token(): Promise<string> {
    return (await readFile(this.tokenFile, 'utf8')).trim()
  }

  /** What runs on this home; undefined when nothing says that something does. */
  async up(): Promise<UpFile | undefined> {
    if (!existsSync(this.#upFile)) return undefined
    try {
      return JSON.parse(await readFile(this.#upFile, 'utf8')) as UpFile
    } catch (error) {
      throw new BenchError(`${this.#upFile} cannot be read: ${(error as Error).message}`)
    }
  }

  /**
   * Processes behind a mount of this home: its daemon and all servers. Undefined when the home has no mount
   * at that real path.
   */
  async mountPids(directory: string): Promise<number[] | undefined> {
    const digest = createHash('sha256').update(directory).digest('hex').slice(0, 12)
    const file = join(this.path, 'run', `mount-${digest}.json`)
    if (!existsSync(file)) return undefined
    const { process: daemon } = JSON.parse(await readFile(file, 'utf8')) as { process: { pid: number } }
    const servers = (await this.up())?.roles.map(({ pid }) => pid) ?? []
    return [...new Set([daemon.pid, ...servers])]
  }

  async writeUp(up: UpFile): Promise<void> {
    const temporary = `${this.#upFile}.${process.pid}.tmp`
    await writeFile(temporary, `${JSON.stringify(up, undefined, 2)}\n`)
    await rename(temporary, this.#upFile)
  }

  async removeUp(): Promise<void> {
    await rm(this.#upFile, { force: true })
  }

  get #upFile(): string {
    return join(this.path, 'up.json')
  }
}
