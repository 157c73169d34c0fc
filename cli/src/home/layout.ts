/**
 * Where an installation keeps what, below its home folder. Pure: it computes paths and touches no disk.
 */
import { homedir } from 'node:os'
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
  /** Certificates; see common/pki/pki-folder.ts. */
  readonly pkiFolder: string
  readonly logsFolder: string
  readonly namenodeFolder: string
  /** Says that the home has a group of namenodes. */
  readonly groupFile: string
  /** Of one member of the group, from 1. */
  memberFolder(number: number): string
  datanodeFolder(number: number): string
  logFile(role: string): string
}

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
    pkiFolder: join(home, 'pki'),
    logsFolder: join(home, 'logs'),
    namenodeFolder: join(home, 'namenode'),
    groupFile: join(home, 'group.json'),
    memberFolder: number => join(home, `namenode-${number}`),
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
