/**
 * One run of `up` on a locked and prepared home: the role's arguments, the file `up.json` while everything
 * serves, notices for people. It takes no lock and reads no command line.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { CommandError, EXIT } from '../exit.ts'
import type { HomeLayout } from '../home/layout.ts'
import type { PreparedHome } from '../home/prepare.ts'
import type { UpFile, UpRole } from '../home/up-file.ts'
import { writeWhole } from '../home/write-whole.ts'
import { versionOf } from '../output/version.ts'
import { ownIdentity } from './process-identity.ts'
import type { ReadyMessage } from './role-message.ts'
import { stopSignals } from './signals.ts'
import type { RoleSpec } from './supervised-role.ts'
import { Supervisor } from './supervisor.ts'

export interface SessionOptions {
  readonly layout: HomeLayout
  readonly prepared: PreparedHome
  readonly datanodes: number
  readonly port: number
  readonly metricsPort: number
  readonly logLevel: string
  readonly logFormat: string
  /** Directories of this machine where the top of the filesystem is mounted. */
  readonly mounts: readonly string[]
  /** Called when everything serves, before `up.json` is written; may throw. */
  onServing(socketPath: string): Promise<void>
  /** Called when `up.json` is there. */
  onReady(up: UpFile): void
  onNotice(sentence: string): void
}

const LOOPBACK = '127.0.0.1'

/**
 * Resolves to the exit code when everything has stopped. Throws CommandError when a role cannot start or is
 * lost.
 */
export async function runSession(options: SessionOptions): Promise<number> {
  let givenUp: ((sentence: string) => void) | undefined
  const lost = new Promise<string>(resolve => {
    givenUp = resolve
  })
  const supervisor = new Supervisor(namenodeSpec(options), {
    onStarting: role => rotate(options.layout.logFile(role)),
    onReady: () => refresh(),
    onNotice: options.onNotice,
    onGivenUp: sentence => givenUp?.(sentence),
  })
  const { upFile } = options.layout
  let isReady = false
  const refresh = (): void => {
    if (isReady) writeUpFile(options, supervisor)
  }
  const signals = stopSignals(() => {
    supervisor.kill()
    rmSync(upFile, { force: true })
    process.exit(EXIT.interrupted)
  })
  try {
    const starting = start(options, supervisor)
    const early = await Promise.race([starting, signals.asked.then(() => undefined)])
    if (early === 'serving') {
      isReady = true
      options.onReady(writeUpFile(options, supervisor))
      const failure = await Promise.race([lost, signals.asked.then(() => undefined)])
      if (failure !== undefined) throw new CommandError(failure)
    }
    // A start that was broken off ends with a failure that nobody needs.
    starting.catch(() => undefined)
    return EXIT.ok
  } finally {
    rmSync(upFile, { force: true })
    await supervisor.stop()
  }
}

async function start(options: SessionOptions, supervisor: Supervisor): Promise<'serving'> {
  const failure = await supervisor.start(namenode => datanodeSpecs(options, namenode))
  if (failure !== undefined) throw new CommandError(failure)
  await options.onServing(options.prepared.socketPath)
  for (const [index, directory] of options.mounts.entries()) {
    const mountFailure = await supervisor.startUser(mountSpec(options, index, directory))
    if (mountFailure !== undefined) throw new CommandError(mountFailure)
  }
  return 'serving'
}

function namenodeSpec(options: SessionOptions): RoleSpec {
  const { layout, prepared } = options
  return {
    role: 'namenode',
    logFile: layout.logFile('namenode'),
    argv: before => [
      ...['namenode', '--data-dir', layout.namenodeFolder, '--socket', prepared.socketPath],
      ...['--host', LOOPBACK, '--port', String(before?.port ?? options.port)],
      ...['--metrics-port', String(before?.metricsPort ?? options.metricsPort)],
      ...['--token-file', layout.tokenFile],
      ...['--log-level', options.logLevel, '--log-format', options.logFormat],
    ],
  }
}

function mountSpec(options: SessionOptions, index: number, directory: string): RoleSpec {
  const { layout, prepared, logLevel } = options
  const role = `mount-${index + 1}`
  return {
    role,
    logFile: layout.logFile(role),
    argv: () => [
      ...['mount', '--home', layout.home, '--socket', prepared.socketPath, '--allow-other'],
      ...['--log-level', logLevel, '/', directory],
    ],
  }
}

function datanodeSpecs(options: SessionOptions, namenode: ReadyMessage): RoleSpec[] {
  const { layout } = options
  return Array.from({ length: options.datanodes }, (_, index) => ({
    role: `datanode-${index + 1}`,
    logFile: layout.logFile(`datanode-${index + 1}`),
    argv: (before: ReadyMessage | undefined) => [
      ...['datanode', '--data-dir', layout.datanodeFolder(index + 1)],
      ...['--namenode', `${namenode.host}:${namenode.port}`],
      ...['--host', LOOPBACK, '--port', String(before?.port ?? 0)],
      ...['--metrics-port', String(before?.metricsPort ?? 0)],
      ...['--token-file', layout.tokenFile],
      ...['--log-level', options.logLevel, '--log-format', options.logFormat],
    ],
  }))
}

function writeUpFile(options: SessionOptions, supervisor: Supervisor): UpFile {
  const roles = supervisor.roles.map(({ spec, pid, address }): UpRole => {
    if (pid === undefined || address === undefined) throw new CommandError(`${spec.role} has no address`)
    const metrics = metricsOf(address)
    const { host, port } = address
    return { role: spec.role, pid, rpc: { host, port }, ...(metrics === '' ? {} : { metrics }) }
  })
  const namenode = roles[0] as UpRole
  const up: UpFile = {
    pid: process.pid,
    started: ownIdentity().started,
    version: versionOf(),
    home: options.layout.home,
    roles,
    rpc: namenode.rpc,
    socket: options.prepared.socketPath,
    metrics: namenode.metrics ?? '',
  }
  writeWhole(options.layout.upFile, `${JSON.stringify(up, undefined, 2)}\n`)
  return up
}

function metricsOf(address: ReadyMessage): string {
  return address.metricsPort === 0 ? '' : `http://${address.host}:${address.metricsPort}/metrics`
}

/** The log of the run before is kept as `NAME.log.1`. */
function rotate(path: string): void {
  if (existsSync(path) && statSync(path).size > 0) renameSync(path, `${path}.1`)
}
