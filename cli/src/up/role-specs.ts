/** What `up` starts and with which words: the namenode or the members of a group, datanodes, mounts. */
import type { HomeLayout } from '../home/layout.ts'
import type { RolePorts } from '../home/ports.ts'
import type { ReadyMessage } from './role-message.ts'
import type { RoleSpec } from './supervised-role.ts'

export const LOOPBACK = '127.0.0.1'

export type Ports = Map<string, RolePorts>

export interface SpecOptions {
  readonly layout: HomeLayout
  /** Unix sockets of the namenodes, in the order of their numbers. */
  readonly sockets: readonly string[]
  readonly datanodes: number
  readonly port: number
  readonly metricsPort: number
  readonly backupHoldHours: number
  readonly logLevel: string
  readonly logFormat: string
  /** Undefined: with TLS where the home has a certificate. */
  readonly tls: string | undefined
}

/** The namenode, or with several sockets the members of the group: those have their ports from the start. */
export function namenodeSpecs(options: SpecOptions, ports: Ports): RoleSpec[] {
  if (options.sockets.length === 1) return [loneNamenode(options, ports)]
  return options.sockets.map((socket, index) => memberSpec(options, ports, index + 1, socket))
}

/** Name of a member's role. */
export function memberRole(number: number): string {
  return `namenode-${number}`
}

function loneNamenode(options: SpecOptions, ports: Ports): RoleSpec {
  const { layout, sockets } = options
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
      ...['namenode', '--data-dir', layout.namenodeFolder, '--socket', sockets[0] as string],
      ...namenodeWords(options, before ?? first()),
    ],
  }
}

function memberSpec(options: SpecOptions, ports: Ports, number: number, socket: string): RoleSpec {
  const { layout, sockets } = options
  const role = memberRole(number)
  const portOf = (member: number): number => ports.get(memberRole(member))?.port as number
  const members = sockets.flatMap((_, index) => {
    return ['--member', `${index + 1}=${LOOPBACK}:${portOf(index + 1)}`]
  })
  return {
    role,
    logFile: layout.logFile(role),
    argv: before => [
      ...['namenode', '--data-dir', layout.memberFolder(number), '--socket', socket, ...members],
      ...namenodeWords(options, {
        port: portOf(number),
        metricsPort: (before ?? ports.get(role))?.metricsPort ?? 0,
      }),
    ],
  }
}

function namenodeWords(options: SpecOptions, { port, metricsPort }: RolePorts): string[] {
  return [
    ...['--host', LOOPBACK, '--port', String(port), '--metrics-port', String(metricsPort)],
    ...['--token-file', options.layout.tokenFile, ...tlsWords(options)],
    ...['--backup-hold-hours', String(options.backupHoldHours)],
    ...['--log-level', options.logLevel, '--log-format', options.logFormat],
  ]
}

function tlsWords({ layout, tls }: SpecOptions): string[] {
  return ['--pki', layout.pkiFolder, ...(tls === undefined ? [] : ['--tls', tls])]
}

export function mountSpec(options: SpecOptions, index: number, directory: string): RoleSpec {
  const { layout, sockets, logLevel, logFormat } = options
  const role = `mount-${index + 1}`
  return {
    role,
    logFile: layout.logFile(role),
    argv: () => [
      ...['mount', '--home', layout.home, ...sockets.flatMap(socket => ['--socket', socket])],
      ...['--allow-other', '--log-level', logLevel, '--log-format', logFormat, '/', directory],
    ],
  }
}

export function datanodeSpecs(
  options: SpecOptions,
  namenodes: readonly ReadyMessage[],
  ports: Ports,
): RoleSpec[] {
  const { layout } = options
  const first = (index: number): RolePorts | undefined => ports.get(`datanode-${index + 1}`)
  const addresses = namenodes.flatMap(({ host, port }) => ['--namenode', `${host}:${port}`])
  return Array.from({ length: options.datanodes }, (_, index) => ({
    role: `datanode-${index + 1}`,
    logFile: layout.logFile(`datanode-${index + 1}`),
    forgetPorts: () => ports.delete(`datanode-${index + 1}`),
    argv: (before: ReadyMessage | undefined) => [
      ...['datanode', '--data-dir', layout.datanodeFolder(index + 1), ...addresses],
      ...['--host', LOOPBACK, '--port', String((before ?? first(index))?.port ?? 0)],
      ...['--metrics-port', String((before ?? first(index))?.metricsPort ?? 0)],
      ...['--token-file', layout.tokenFile, ...tlsWords(options)],
      ...['--log-level', options.logLevel, '--log-format', options.logFormat],
    ],
  }))
}
