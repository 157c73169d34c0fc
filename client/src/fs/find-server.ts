/**
 * Finds the namenode of an installation on this machine: the Unix socket if something answers there, else
 * TCP with the installation's token. It opens the first connection and never tries again; the session does
 * that later.
 */
import { readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { RpcClient, type RpcClientOptions } from '@hopbine/common/rpc/client.ts'
import type { Address } from '@hopbine/common/rpc/connection.ts'
import type { ConnectOptions } from './options.ts'

/** A place to try, and what to show there. */
interface Door {
  readonly address: Address
  readonly token?: string
}

/**
 * A session whose first connection stands. Throws UNAVAILABLE, UNAUTHENTICATED, NOT_PERMITTED or
 * VERSION_MISMATCH.
 */
export async function connectSession(options: ConnectOptions): Promise<RpcClient> {
  if (options.socket !== undefined) return openDoor(options, { address: { path: options.socket } })
  if (options.host !== undefined || options.port !== undefined)
    return openDoor(options, givenTcpDoor(options))
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

function rpcOptions(options: ConnectOptions, door: Door): RpcClientOptions {
  const { user, groups, retryMs } = options
  return {
    address: door.address,
    ...(door.token === undefined ? {} : { token: door.token }),
    ...(user === undefined ? {} : { actAs: { user, groups: groups ?? [user] } }),
    ...(retryMs === undefined ? {} : { retryMs }),
  }
}

function givenTcpDoor(options: ConnectOptions): Door {
  if (options.port === undefined) {
    throw new FsError('INVALID_ARGUMENT', 'connecting to a host needs its port, too')
  }
  const address = { host: options.host ?? '127.0.0.1', port: options.port }
  return options.token === undefined ? { address } : { address, token: options.token }
}

async function doorsOf(home: string, givenToken: string | undefined): Promise<Door[]> {
  const doors: Door[] = []
  const up = parseUp(home, await readIfThere(join(home, 'up.json')))
  if (up.socket !== undefined) doors.push({ address: { path: up.socket } })
  if (up.rpc !== undefined) {
    const token = givenToken ?? (await readIfThere(join(home, 'secrets', 'rpc.token')))?.trim()
    doors.push(token === undefined ? { address: up.rpc } : { address: up.rpc, token })
  }
  return doors
}

function parseUp(home: string, text: string | undefined): { socket?: string; rpc?: Address } {
  if (text === undefined) throw notRunning(home)
  try {
    const { socket, rpc } = JSON.parse(text) as Record<string, unknown>
    return {
      ...(typeof socket === 'string' ? { socket } : {}),
      ...(isTcp(rpc) ? { rpc: { host: rpc.host, port: rpc.port } } : {}),
    }
  } catch (error) {
    throw new FsError('UNAVAILABLE', `${join(home, 'up.json')} cannot be read as JSON`, {}, { cause: error })
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
