/**
 * What runs where: each mount daemon leaves a file in its home's run folder while it lives, and answers its
 * figures on a Unix socket beside it. A file whose process is gone is a leaving of a crash and is taken
 * away when it is seen.
 */
import { createHash } from 'node:crypto'
import { chmodSync, mkdirSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { connect, createServer, type Server } from 'node:net'
import { join } from 'node:path'
import type { HomeLayout } from '../home/layout.ts'
import { socketPath } from '../home/socket-path.ts'
import { writeWhole } from '../home/write-whole.ts'
import { ownIdentity, type ProcessIdentity, stateOf } from '../up/process-identity.ts'

export interface MountState {
  readonly process: ProcessIdentity
  /** Real path of the mount point. */
  readonly directory: string
  /** Directory of Hopbine that is mounted. */
  readonly path: string
  readonly readOnly: boolean
  /** Its session at the namenode. */
  readonly clientId: string
  readonly startedAt: string
  /** Where the figures are answered. */
  readonly socket: string
}

/** How long a daemon may take to tell its figures, in milliseconds. */
const FIGURES_MS = 2_000
/** A daemon's figures are at most so long, in bytes; what says more is no daemon of ours. */
const FIGURES_BYTES_MAX = 1024 * 1024

/** A mount that has told where it is, and answers. */
export class PublishedMount {
  readonly #file: string
  readonly #socket: string
  readonly #server: Server

  private constructor(file: string, socket: string, server: Server) {
    this.#file = file
    this.#socket = socket
    this.#server = server
  }

  static async publish(
    layout: HomeLayout,
    mount: Pick<MountState, 'directory' | 'path' | 'readOnly' | 'clientId'>,
    figures: () => unknown,
  ): Promise<PublishedMount> {
    mkdirSync(layout.runFolder, { recursive: true, mode: 0o700 })
    const name = `mount-${createHash('sha256').update(mount.directory).digest('hex').slice(0, 12)}`
    const socket = socketPath(layout, `${name}.sock`)
    rmSync(socket, { force: true })
    const server = createServer(connection => {
      // Who hangs up before the end of the answer needs none.
      connection.on('error', () => connection.destroy())
      connection.end(JSON.stringify(figures()))
    })
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject)
      server.listen(socket, resolve)
    })
    chmodSync(socket, 0o600)
    server.unref()
    const file = join(layout.runFolder, `${name}.json`)
    const startedAt = new Date().toISOString()
    const state: MountState = { process: ownIdentity(), ...mount, startedAt, socket }
    writeWhole(file, `${JSON.stringify(state, undefined, 2)}\n`)
    return new PublishedMount(file, socket, server)
  }

  withdraw(): void {
    this.#server.close()
    rmSync(this.#file, { force: true })
    rmSync(this.#socket, { force: true })
  }
}

/** The mounts of a home whose daemons run, in order of their directories. */
export function runningMounts(layout: HomeLayout): MountState[] {
  return statesIn(layout)
    .map(({ state }) => state)
    .filter(state => stateOf(state.process) !== 'gone')
    .sort((a, b) => (a.directory < b.directory ? -1 : 1))
}

/** Takes away what crashed daemons left; answers their sessions. */
export function takeDeadSessions(layout: HomeLayout): string[] {
  const dead = statesIn(layout).filter(({ state }) => stateOf(state.process) === 'gone')
  for (const { file } of dead) rmSync(file, { force: true })
  return dead.map(({ state }) => state.clientId)
}

function statesIn(layout: HomeLayout): { readonly file: string; readonly state: MountState }[] {
  const names = namesIn(layout.runFolder).filter(name => /^mount-[0-9a-f]+\.json$/.test(name))
  return names.map(name => {
    const file = join(layout.runFolder, name)
    return { file, state: JSON.parse(readFileSync(file, 'utf8')) as MountState }
  })
}

/** Undefined when the daemon does not answer in time. */
export function figuresOf(state: MountState): Promise<Record<string, unknown> | undefined> {
  return new Promise(resolve => {
    const parts: Buffer[] = []
    let bytes = 0
    const socket = connect(state.socket)
    const giveUp = (): void => {
      socket.destroy()
      resolve(undefined)
    }
    socket.setTimeout(FIGURES_MS, giveUp)
    socket.on('error', giveUp)
    socket.on('data', part => {
      parts.push(part)
      bytes += part.length
      if (bytes > FIGURES_BYTES_MAX) giveUp()
    })
    socket.on('end', () => resolve(parse(Buffer.concat(parts).toString())))
  })
}

function parse(text: string): Record<string, unknown> | undefined {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

/** Nothing in a folder that is not there. */
export function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
    throw error
  }
}
