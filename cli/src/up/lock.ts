/**
 * A lock file that one process holds while it runs. It appears whole (hard link of a finished file), names
 * its holder, and is taken over when that process is gone. It never waits.
 */
import { randomBytes } from 'node:crypto'
import { linkSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { CommandError } from '../exit.ts'
import { ownIdentity, type ProcessIdentity, stateOf } from './process-identity.ts'

interface LockRecord extends ProcessIdentity {
  /** Drawn for this one locking. */
  readonly token: string
}

export interface Lock {
  /** Removes the file, if it is still ours. */
  release(): void
}

/** Somebody else holds the lock. */
export class LockHeldError extends Error {
  override name = 'LockHeldError'
  readonly pid: number

  constructor(path: string, pid: number) {
    super(`process ${pid} holds ${path}`)
    this.pid = pid
  }
}

/** Tries of taking over before giving up: each means that another process was quicker. */
const TRIES_MAX = 5

/**
 * Takes the lock or throws LockHeldError. `isInUse` decides about a holder in another container, whose
 * process number means nothing here.
 */
export async function acquireLock(
  path: string,
  isInUse: () => Promise<boolean> = async () => true,
): Promise<Lock> {
  const own: LockRecord = { ...ownIdentity(), token: randomBytes(8).toString('hex') }
  const draft = `${path}.${own.token}`
  writeFileSync(draft, `${JSON.stringify(own)}\n`, { mode: 0o600 })
  try {
    for (let attempt = 1; attempt <= TRIES_MAX; attempt++) {
      if (linked(draft, path)) return { release: () => release(path, own.token) }
      const holder = readRecord(path)
      if (holder !== undefined && (await isHeld(holder, isInUse))) throw new LockHeldError(path, holder.pid)
      setAside(path, holder?.token, draft)
    }
  } finally {
    rmSync(draft, { force: true })
  }
  throw new CommandError(`${path} changes hands all the time: see which other processes use this folder`)
}

/** The process that holds the lock now, if any. */
export function lockHolder(path: string): ProcessIdentity | undefined {
  const record = readRecord(path)
  return record !== undefined && stateOf(record) === 'runs' ? record : undefined
}

async function isHeld(holder: LockRecord, isInUse: () => Promise<boolean>): Promise<boolean> {
  const state = stateOf(holder)
  return state === 'runs' || (state === 'unknown' && (await isInUse()))
}

/** True if the lock is ours now; false if there is one already. */
function linked(draft: string, path: string): boolean {
  try {
    linkSync(draft, path)
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false
    throw error
  }
}

/**
 * Moves a dead holder's lock away. Another process may have replaced it since it was read: then what was
 * moved is a live lock, and goes back.
 */
function setAside(path: string, token: string | undefined, draft: string): void {
  const aside = `${draft}.old`
  try {
    renameSync(path, aside)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (readRecord(aside)?.token !== token) linked(aside, path)
  rmSync(aside, { force: true })
}

function release(path: string, token: string): void {
  if (readRecord(path)?.token === token) rmSync(path, { force: true })
}

/** Undefined where there is no file, or one that holds no record (damaged: nobody can hold it). */
function readRecord(path: string): LockRecord | undefined {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw error
  }
  try {
    const record = JSON.parse(text) as LockRecord
    return typeof record?.pid === 'number' ? record : undefined
  } catch {
    return undefined
  }
}
