/**
 * Who a namenode is in its group: a file beside its state that says its number, and once, before its first
 * start, what the state of all members begins with. The right to begin is used up by the first start, so that
 * a member that lost its state cannot come back as one that never voted.
 */
import { randomBytes } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { FsError } from '@hopbine/common/base/errors.ts'
import { syncPath } from '../log/sync-path.ts'
import type { MemberId } from '../raft/messages.ts'
import type { FirstState } from '../store/database.ts'

const NAME = 'member.json'

export interface Membership {
  readonly self: MemberId
  /** The group's first voters. */
  readonly voters: readonly MemberId[]
  /** Present until the first start: what every member begins with. */
  readonly first?: FirstFacts
}

/** The same for all members. */
export interface FirstFacts {
  readonly clusterId: string
  /** Hexadecimal digits. */
  readonly capabilityKey: string
  readonly owner: string
  readonly group: string
  readonly seconds: number
}

/** Drawn once for a group. */
export function drawFirstFacts(owner: string, seconds: number): FirstFacts {
  return {
    clusterId: randomBytes(8).toString('hex'),
    capabilityKey: randomBytes(32).toString('hex'),
    owner,
    group: owner,
    seconds,
  }
}

/** Undefined where no member of a group has its folder. Throws CORRUPT for a damaged file. */
export function readMembership(dataDir: string): Membership | undefined {
  const path = join(dataDir, NAME)
  if (!existsSync(path)) return undefined
  try {
    const { self, voters, first } = JSON.parse(readFileSync(path, 'utf8')) as Membership
    if (!Number.isInteger(self) || !voters.includes(self)) throw new Error('it names no member')
    return { self, voters, ...(first === undefined ? {} : { first }) }
  } catch (error) {
    throw new FsError('CORRUPT', `${path} is damaged: ${(error as Error).message}`, {}, { cause: error })
  }
}

/** Makes the folder of a member that has never started. Throws ALREADY_EXISTS where there is state. */
export function foundMember(dataDir: string, membership: Membership): void {
  if (existsSync(join(dataDir, NAME)) || existsSync(join(dataDir, 'shard-0'))) {
    throw new FsError('ALREADY_EXISTS', `${dataDir} holds the state of a namenode: nothing begins anew there`)
  }
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  write(dataDir, membership)
}

/** What the state of a shard begins with; throws CORRUPT for a member whose state is gone. */
export function firstStateOf(
  dataDir: string,
  { self, first }: Membership,
  store: string,
): FirstState | undefined {
  if (first !== undefined)
    return { ...first, shard: 0, capabilityKey: Buffer.from(first.capabilityKey, 'hex') }
  if (existsSync(store)) return undefined
  throw new FsError(
    'CORRUPT',
    `the state of member ${self} in ${dataDir} is gone: it may have voted, so it must not begin anew; ` +
      'let the other members go on, and put a copy of its folder back',
  )
}

/** The state is durable: from now on its loss is known as one. */
export function noteBegun(dataDir: string, { self, voters, first }: Membership): void {
  if (first !== undefined) write(dataDir, { self, voters })
}

function write(dataDir: string, membership: Membership): void {
  const path = join(dataDir, NAME)
  const file = openSync(`${path}.new`, 'w', 0o600)
  try {
    writeSync(file, `${JSON.stringify(membership, undefined, 2)}\n`)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  renameSync(`${path}.new`, path)
  syncPath(dataDir)
}
