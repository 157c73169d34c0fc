/**
 * One run of `up` on a locked and prepared home: the role's arguments, the file `up.json` while everything
 * serves, notices for people. It takes no lock and reads no command line.
 */
import { existsSync, renameSync, rmSync, statSync } from 'node:fs'
import { CommandError, EXIT } from '../exit.ts'
import { freePorts, rememberedPorts, rememberPorts } from '../home/ports.ts'
import type { PreparedHome } from '../home/prepare.ts'
import type { UpFile, UpNamenode, UpRole } from '../home/up-file.ts'
import { writeWhole } from '../home/write-whole.ts'
import { versionOf } from '../output/version.ts'
import { ownIdentity } from './process-identity.ts'
import type { ReadyMessage } from './role-message.ts'
import {
  datanodeSpecs,
  LOOPBACK,
  memberRole,
  mountSpec,
  namenodeSpecs,
  type Ports,
  type SpecOptions,
} from './role-specs.ts'
import { stopSignals } from './signals.ts'
import { Supervisor } from './supervisor.ts'

export interface SessionOptions extends SpecOptions {
  readonly prepared: PreparedHome
  /** Directories of this machine where the top of the filesystem is mounted. */
  readonly mounts: readonly string[]
  /** Called when everything serves, before `up.json` is written; may throw. */
  onServing(): Promise<void>
  /** Called when `up.json` is there. */
  onReady(up: UpFile): void
  onNotice(sentence: string): void
}

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
  if (options.sockets.length > 1) await givePorts(options, ports)
  const supervisor = new Supervisor(namenodeSpecs(options, ports), {
    onStarting: role => rotate(options.layout.logFile(role)),
    onReady: () => refresh(),
    onNotice: options.onNotice,
    onGivenUp: sentence => givenUp?.(sentence),
  })
  const { upFile } = options.layout
  let isReady = false
  const refresh = (): void => {
    if (isReady) writeUpFile(options, supervisor, ports)
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
      options.onReady(writeUpFile(options, supervisor, ports))
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
  const failure = await supervisor.start(() => datanodeSpecs(options, namenodesOf(supervisor), ports))
  if (failure !== undefined) throw new CommandError(failure)
  await options.onServing()
  for (const [index, directory] of options.mounts.entries()) {
    const mountFailure = await supervisor.startUser(mountSpec(options, index, directory))
    if (mountFailure !== undefined) throw new CommandError(mountFailure)
  }
  return 'serving'
}

/** Members of a group must know of each other where they are before they start. */
async function givePorts({ sockets, port, metricsPort }: SessionOptions, ports: Ports): Promise<void> {
  const roles = sockets.map((_, index) => memberRole(index + 1))
  const free = await freePorts(LOOPBACK, roles.length)
  for (const [index, role] of roles.entries()) {
    const last = ports.get(role)
    const isFirst = index === 0
    const own = isFirst && port !== 0 ? port : last?.port || (free[index] as number)
    const metrics = isFirst && metricsPort !== 0 ? metricsPort : (last?.metricsPort ?? 0)
    ports.set(role, { port: own, metricsPort: metrics })
  }
}

function namenodesOf(supervisor: Supervisor): ReadyMessage[] {
  const namenodes = supervisor.roles.filter(({ spec }) => spec.role.startsWith('namenode'))
  return namenodes.flatMap(({ address }) => (address === undefined ? [] : [address]))
}

function writeUpFile(options: SessionOptions, supervisor: Supervisor, ports: Ports): UpFile {
  const roles = supervisor.roles.flatMap(({ spec, pid, address }): UpRole[] => {
    // Of a group one may be lost; the others serve.
    if (pid === undefined || address === undefined) return []
    const metrics = metricsOf(address)
    const { host, port } = address
    return [{ role: spec.role, pid, rpc: { host, port }, ...(metrics === '' ? {} : { metrics }) }]
  })
  const namenode = roles[0] as UpRole
  const { sockets } = options
  const up: UpFile = {
    pid: process.pid,
    started: ownIdentity().started,
    version: versionOf(),
    home: options.layout.home,
    roles,
    rpc: namenode.rpc,
    socket: sockets[0] as string,
    metrics: namenode.metrics ?? '',
    ...(sockets.length === 1 ? {} : { namenodes: membersOf(options, ports) }),
  }
  rememberPorts(options.layout, portsOf(supervisor))
  writeWhole(options.layout.upFile, `${JSON.stringify(up, undefined, 2)}\n`)
  return up
}

/** All members, whether they run now or not: a session must know where they will be. */
function membersOf({ sockets }: SessionOptions, ports: Ports): UpNamenode[] {
  return sockets.map((socket, index) => {
    const role = memberRole(index + 1)
    return { role, rpc: { host: LOOPBACK, port: ports.get(role)?.port ?? 0 }, socket }
  })
}

function portsOf(supervisor: Supervisor): Ports {
  const ports: Ports = new Map()
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
