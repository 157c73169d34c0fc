/**
 * `up.json`: what runs on a home folder, for clients, tests and people. Present only while `up` is ready:
 * written whole when every role serves, removed at a clean stop. After a crash it may be stale, which `pid`
 * tells.
 */
import { readFileSync } from 'node:fs'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from './layout.ts'

export interface TcpAddress {
  readonly host: string
  readonly port: number
}

export interface UpRole {
  /** `namenode`, `namenode-1`, `datanode-1`, … */
  readonly role: string
  readonly pid: number
  /** Where it listens on TCP. */
  readonly rpc: TcpAddress
  /** URL of its metrics page; absent where it has none. */
  readonly metrics?: string
}

/** One of several namenodes. */
export interface UpNamenode {
  readonly role: string
  readonly rpc: TcpAddress
  readonly socket: string
}

export interface UpFile {
  /** Of the `up` process. */
  readonly pid: number
  /** Tells a recycled pid from the process that wrote this; see process-identity.ts. */
  readonly started: string
  readonly version: string
  readonly home: string
  readonly roles: readonly UpRole[]
  /** Where the namenode, or the first one that runs, listens on TCP; it wants the token of the home. */
  readonly rpc: TcpAddress
  /** Unix socket of the namenode. */
  readonly socket: string
  /** Metrics page of the namenode. */
  readonly metrics: string
  /** All members of a group, in the order of their numbers; absent: the namenode is alone. */
  readonly namenodes?: readonly UpNamenode[]
}

/** Undefined where none is there. */
export function readUpFile(layout: HomeLayout): UpFile | undefined {
  let text: string
  try {
    text = readFileSync(layout.upFile, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CommandError(
      `cannot read ${layout.upFile} (${message}): use a home of your own with --home DIR`,
    )
  }
  try {
    return JSON.parse(text) as UpFile
  } catch (error) {
    throw new CommandError(
      `${layout.upFile} is damaged (${(error as Error).message}): remove it, then start up`,
    )
  }
}
