/**
 * Finds the namenodes of an installation on this machine: their Unix sockets if something answers there, else
 * TCP with the installation's token. Which of several leads the session finds out. It opens the first
 * connection and never tries again; the session does that later.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { RpcClient, type RpcClientOptions } from '@hopbine/common/rpc/client.ts'
import type { Address } from '@hopbine/common/rpc/connection.ts'
import type { Seed } from '@hopbine/common/rpc/server-choice.ts'
import type { ConnectOptions } from './options.ts'

/** Places to try, one for each member of the namenode's group. */
type Door = readonly [Seed, ...Seed[]]

/**
 * A session whose first connection stands. Throws UNAVAILABLE, UNAUTHENTICATED, NOT_PERMITTED or
 * VERSION_MISMATCH.
 */
export async function connectSession(options: ConnectOptions): Promise<RpcClient> {
  const given = givenDoor(options)
  if (given !== undefined) return openDoor(options, given)
  const home = options.home ?? process.env.HOPBINE_HOME ?? join(homedir(), '.hopbine')
  const doors = await doorsOf(home, options.token)
  for (const door of doors) {
    const client = await openDoor(options, door).catch((error: unknown) => {
      if (isFsError(error, 'UNAVAILABLE') || isFsError(error, 'TIMED_OUT')) return undefined
      throw error
    })
    if (client !== undefined) return client
  }
  throw notRunning(home)
}

/** Where the caller itself said that the servers are. */
function givenDoor({ socket, servers, host, port, token }: ConnectOptions): Door | undefined {
  if (socket !== undefined) return doorOf((typeof socket === 'string' ? [socket] : socket).map(atPath))
  if (servers !== undefined) return doorOf(servers.map(({ host, port }) => atTcp({ host, port }, token)))
  if (host === undefined && port === undefined) return undefined
  if (port === undefined) throw new FsError('INVALID_ARGUMENT', 'connecting to a host needs its port, too')
  return [atTcp({ host: host ?? '127.0.0.1', port }, token)]
}

const atPath = (path: string): Seed => ({ address: { path } })
const atTcp = (address: Address, token: string | undefined): Seed =>
  token === undefined ? { address } : { address, token }

/** Members are numbered from 1 in the order in which they are named; one alone has no number. */
function doorOf(seeds: readonly Seed[]): Door {
  const [first, ...others] =
    seeds.length === 1 ? seeds : seeds.map((seed, at) => ({ ...seed, member: at + 1 }))
  if (first === undefined) throw new FsError('INVALID_ARGUMENT', 'connecting needs at least one server')
  return [first, ...others]
}

async function openDoor(options: ConnectOptions, door: Door): Promise<RpcClient> {
  const client = new RpcClient(rpcOptions(options, door))
  try {
    await client.welcome()
    return client
  } catch (error) {
    client.close()
    throw error
  }
}

function rpcOptions(options: ConnectOptions, [first, ...others]: Door): RpcClientOptions {
  const { user, groups, retryMs } = options
  return {
    ...first,
    others,
    ...(user === undefined ? {} : { actAs: { user, groups: groups ?? [user] } }),
    ...(retryMs === undefined ? {} : { retryMs }),
  }
}

async function doorsOf(home: string, givenToken: string | undefined): Promise<Door[]> {
  const servers = parseUp(home, await readIfThere(join(home, 'up.json')))
  const sockets = servers.flatMap(({ socket }) => (socket === undefined ? [] : [socket]))
  const addresses = servers.flatMap(({ rpc }) => (rpc === undefined ? [] : [rpc]))
  const doors: Door[] = []
  if (sockets.length > 0) doors.push(doorOf(sockets.map(atPath)))
  if (addresses.length > 0) {
    const token = givenToken ?? (await readIfThere(join(home, 'secrets', 'rpc.token')))?.trim()
    doors.push(doorOf(addresses.map(address => atTcp(address, token))))
  }
  return doors
}

/** Where the namenodes are, in the order of their numbers. */
function parseUp(home: string, text: string | undefined): { socket?: string; rpc?: Address }[] {
  if (text === undefined) throw notRunning(home)
  try {
    const up = JSON.parse(text) as Record<string, unknown>
    const { namenodes } = up
    return (Array.isArray(namenodes) ? (namenodes as Record<string, unknown>[]) : [up]).map(serverOf)
  } catch (error) {
    throw new FsError('UNAVAILABLE', `${join(home, 'up.json')} cannot be read as JSON`, {}, { cause: error })
  }
}

function serverOf({ socket, rpc }: Record<string, unknown>): { socket?: string; rpc?: Address } {
  return {
    ...(typeof socket === 'string' ? { socket } : {}),
    ...(isTcp(rpc) ? { rpc: { host: rpc.host, port: rpc.port } } : {}),
  }
}

function isTcp(value: unknown): value is { host: string; port: number } {
  if (typeof value !== 'object' || value === null) return false
  const { host, port } = value as Record<string, unknown>
  return typeof host === 'string' && typeof port === 'number'
}

async function readIfThere(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

function notRunning(home: string): FsError {
  return new FsError('UNAVAILABLE', `No Hopbine is running at ${home}; start one with \`hopbine up\`.`, {
    home,
  })
}
