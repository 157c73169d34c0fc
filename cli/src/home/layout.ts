/**
 * Where an installation keeps what, below its home folder. Pure: it computes paths and touches no disk.
 */
import { createHash } from 'node:crypto'
import { homedir, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

export interface HomeLayout {
  readonly home: string
  readonly formatFile: string
  readonly settingsFile: string
  readonly lockFile: string
  readonly upFile: string
  readonly portsFile: string
  readonly runFolder: string
  readonly secretsFolder: string
  readonly tokenFile: string
  readonly logsFolder: string
  readonly namenodeFolder: string
  datanodeFolder(number: number): string
  logFile(role: string): string
}

/** A Unix socket's path in bytes: the kernel's field less its end mark (macOS has the smaller one). */
export const SOCKET_PATH_BYTES_MAX = process.platform === 'linux' ? 107 : 103

export function layoutOf(home: string): HomeLayout {
  return {
    home,
    formatFile: join(home, 'format.json'),
    settingsFile: join(home, 'config.json'),
    lockFile: join(home, 'up.lock'),
    upFile: join(home, 'up.json'),
    portsFile: join(home, 'run', 'ports.json'),
    runFolder: join(home, 'run'),
    secretsFolder: join(home, 'secrets'),
    tokenFile: join(home, 'secrets', 'rpc.token'),
    logsFolder: join(home, 'logs'),
    namenodeFolder: join(home, 'namenode'),
    datanodeFolder: number => join(home, `datanode-${number}`),
    logFile: role => join(home, 'logs', `${role}.log`),
  }
}

/** The home folder in force: the option, `HOPBINE_HOME`, or `~/.hopbine`. Always absolute. */
export function homeOf(option: string | undefined): string {
  const chosen = option ?? process.env.HOPBINE_HOME
  return chosen === undefined || chosen === '' ? defaultHome() : resolve(chosen)
}

/** Where everything lies unless something else was said. */
export function defaultHome(): string {
  return join(homedir(), '.hopbine')
}

/** The namenode's socket, or undefined where the home's path is too long for one. */
export function socketInHome(layout: HomeLayout): string | undefined {
  const path = join(layout.runFolder, 'namenode.sock')
  return Buffer.byteLength(path) <= SOCKET_PATH_BYTES_MAX ? path : undefined
}

/** A short folder of this home's own for sockets, for a home whose path is too long. */
export function shortRunFolder(layout: HomeLayout): string {
  const digest = createHash('sha256').update(layout.home).digest('hex').slice(0, 16)
  return join(tmpdir(), `hopbine-${process.getuid?.() ?? 0}-${digest}`)
}
