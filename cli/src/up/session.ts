/**
 * One run of `up` on a locked and prepared home: the role's arguments, the file `up.json` while everything
 * serves, notices for people. It takes no lock and reads no command line.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { CommandError, EXIT } from '../exit.ts'
import type { HomeLayout } from '../home/layout.ts'
import { type RolePorts, rememberedPorts, rememberPorts } from '../home/ports.ts'
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
  readonly backupHoldHours: number
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

type Ports = Map<string, RolePorts>

/**
 * Resolves to the exit code when everything has stopped. Throws CommandError when a role cannot start or is
 * lost.
 */
export async function runSession(options: SessionOptions): Promise<number> {
  let givenUp: ((sentence: string) => void) | undefined
  const lost = new Promise<string>(resolve => {
    givenUp = resolve
  })
  const ports = await rememberedPorts(options.layout, LOOPBACK)
  const supervisor = new Supervisor(namenodeSpec(options, ports), {
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
    const starting = start(options, supervisor, ports)
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

async function start(options: SessionOptions, supervisor: Supervisor, ports: Ports): Promise<'serving'> {
  const failure = await supervisor.start(namenode => datanodeSpecs(options, namenode, ports))
  if (failure !== undefined) throw new CommandError(failure)
  await options.onServing(options.prepared.socketPath)
  for (const [index, directory] of options.mounts.entries()) {
    const mountFailure = await supervisor.startUser(mountSpec(options, index, directory))
    if (mountFailure !== undefined) throw new CommandError(mountFailure)
  }
  return 'serving'
}

function namenodeSpec(options: SessionOptions, ports: Ports): RoleSpec {
  const { layout, prepared } = options
  const first = (): RolePorts => {
    const last = ports.get('namenode')
    return {
      port: options.port === 0 ? (last?.port ?? 0) : options.port,
      metricsPort: options.metricsPort === 0 ? (last?.metricsPort ?? 0) : options.metricsPort,
    }
  }
  return {
    role: 'namenode',
    forgetPorts: () => ports.delete('namenode'),
    logFile: layout.logFile('namenode'),
    argv: before => [
      ...['namenode', '--data-dir', layout.namenodeFolder, '--socket', prepared.socketPath],
      ...['--host', LOOPBACK, '--port', String((before ?? first()).port)],
      ...['--metrics-port', String((before ?? first()).metricsPort)],
      ...['--token-file', layout.tokenFile, '--backup-hold-hours', String(options.backupHoldHours)],
      ...['--log-level', options.logLevel, '--log-format', options.logFormat],
    ],
  }
}

function mountSpec(options: SessionOptions, index: number, directory: string): RoleSpec {
  const { layout, prepared, logLevel, logFormat } = options
  const role = `mount-${index + 1}`
  return {
    role,
    logFile: layout.logFile(role),
    argv: () => [
      ...['mount', '--home', layout.home, '--socket', prepared.socketPath, '--allow-other'],
      ...['--log-level', logLevel, '--log-format', logFormat, '/', directory],
    ],
  }
}

function datanodeSpecs(options: SessionOptions, namenode: ReadyMessage, ports: Ports): RoleSpec[] {
  const { layout } = options
  const first = (index: number): RolePorts | undefined => ports.get(`datanode-${index + 1}`)
  return Array.from({ length: options.datanodes }, (_, index) => ({
    role: `datanode-${index + 1}`,
    logFile: layout.logFile(`datanode-${index + 1}`),
    forgetPorts: () => ports.delete(`datanode-${index + 1}`),
    argv: (before: ReadyMessage | undefined) => [
      ...['datanode', '--data-dir', layout.datanodeFolder(index + 1)],
      ...['--namenode', `${namenode.host}:${namenode.port}`],
      ...['--host', LOOPBACK, '--port', String((before ?? first(index))?.port ?? 0)],
      ...['--metrics-port', String((before ?? first(index))?.metricsPort ?? 0)],
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
  rememberPorts(options.layout, portsOf(supervisor))
  writeWhole(options.layout.upFile, `${JSON.stringify(up, undefined, 2)}\n`)
  return up
}

function portsOf(supervisor: Supervisor): Ports {
  const ports = new Map<string, RolePorts>()
  for (const { spec, address } of supervisor.roles) {
    if (address !== undefined) ports.set(spec.role, { port: address.port, metricsPort: address.metricsPort })
  }
  return ports
}

function metricsOf(address: ReadyMessage): string {
  return address.metricsPort === 0 ? '' : `http://${address.host}:${address.metricsPort}/metrics`
}

/** The log of the run before is kept as `NAME.log.1`. */
function rotate(path: string): void {
  if (existsSync(path) && statSync(path).size > 0) renameSync(path, `${path}.1`)
}
