/** Addresses as people write them: HOST:PORT, a path, and members of a group as NUMBER=HOST:PORT. */
import { resolve } from 'node:path'
import { UsageError } from '../exit.ts'

export type ServerAddress = { readonly path: string } | TcpAddress

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

/** Where a server is; `option` names the option in the UsageError. */
export function parseAddress(option: string, text: string): ServerAddress {
  if (text.includes('/')) return { path: resolve(text) }
  const address = tcpAddress(text)
  if (address !== undefined) return address
  throw new UsageError(`--${option} must be HOST:PORT or a path, not ${JSON.stringify(text)}`)
}

/** A member of a group of namenodes. Throws UsageError. */
export function parseMember(option: string, text: string): TcpAddress & { readonly id: number } {
  const { id, address: rest = '' } = /^(?<id>[1-9]\d{0,8})=(?<address>.+)$/.exec(text)?.groups ?? {}
  const address = tcpAddress(rest)
  if (address !== undefined) return { id: Number(id), ...address }
  throw new UsageError(`--${option} must be NUMBER=HOST:PORT, not ${JSON.stringify(text)}`)
}

/** Undefined for what is no HOST:PORT. */
export function tcpAddress(text: string): TcpAddress | undefined {
  const found = /^(?:\[(?<six>[0-9a-fA-F:]+)\]|(?<name>[^:]+)):(?<port>\d{1,5})$/.exec(text)?.groups
  const port = Number(found?.port)
  if (found === undefined || port < 1 || port > 65_535) return undefined
  return { host: found.six ?? found.name ?? '', port }
}
