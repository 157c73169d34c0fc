/**
 * The ports that the roles of a home had, so that the next `up` gives them the same ones: clients that lived
 * through its restart, and scrapers, find everything where it was. A convenience: without it roles take free
 * ports.
 */
import { existsSync, readFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HomeLayout } from './layout.ts'
import { writeWhole } from './write-whole.ts'

export interface RolePorts {
  readonly port: number
  /** 0: no metrics page. */
  readonly metricsPort: number
}

/** Roles of an `up` that was killed may hold their ports so long until they have ended, in milliseconds. */
const ENDING_MS = 5_000
const POLL_MS = 50

/** By role; a port that is taken, or that nobody remembers, is 0. */
export async function rememberedPorts(layout: HomeLayout, host: string): Promise<Map<string, RolePorts>> {
  const wasKilled = existsSync(layout.upFile)
  const deadline = performance.now() + (wasKilled ? ENDING_MS : 0)
  const remembered = new Map<string, RolePorts>()
  for (const [role, ports] of Object.entries(read(layout.portsFile))) {
    const port = await freePort(ports.port, host, deadline)
    remembered.set(role, { port, metricsPort: await freePort(ports.metricsPort, host, deadline) })
  }
  return remembered
}

export function rememberPorts(layout: HomeLayout, ports: ReadonlyMap<string, RolePorts>): void {
  const text = `${JSON.stringify(Object.fromEntries(ports), undefined, 2)}\n`
  if (text !== readText(layout.portsFile)) writeWhole(layout.portsFile, text)
}

function read(path: string): Record<string, Partial<RolePorts>> {
  try {
    const value: unknown = JSON.parse(readText(path) ?? '{}')
    return typeof value === 'object' && value !== null ? (value as Record<string, Partial<RolePorts>>) : {}
  } catch (error) {
    // Damaged: nothing is remembered, and the next start writes it anew.
    if (error instanceof SyntaxError) return {}
    throw error
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
}

/** The port once it is free, or 0. */
async function freePort(port: unknown, host: string, deadline: number): Promise<number> {
  if (typeof port !== 'number' || !Number.isInteger(port) || port < 1 || port > 65_535) return 0
  while (!(await isFree(port, host))) {
    if (performance.now() > deadline) return 0
    await sleep(POLL_MS)
  }
  return port
}

/** So many ports that nobody had a moment ago. */
export async function freePorts(host: string, count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer())
  const ports: number[] = []
  for (const server of servers) {
    await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, host, resolve))
    const address = server.address()
    if (typeof address === 'object' && address !== null) ports.push(address.port)
  }
  await Promise.all(servers.map(server => new Promise(resolve => server.close(resolve))))
  return ports
}

function isFree(port: number, host: string): Promise<boolean> {
  return new Promise(resolve => {
    const server = createServer()
    server.once('error', () => resolve(false))
    server.listen(port, host, () => server.close(() => resolve(true)))
  })
}
