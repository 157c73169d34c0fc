/**
 * The life of one role in its own process: lock, start, say so, serve until told to stop, stop. The same whether it
 * runs alone or under `up`; under `up` it also ends when the supervising process is gone, however that ended.
 */
import { mkdirSync } from 'node:fs'
import { CommandError, EXIT } from '../exit.ts'
import { sentenceOf } from '../output/sentence.ts'
import { acquireLockWithin, type Lock, LockHeldError } from './lock.ts'
import type { ReadyMessage, RoleMessage } from './role-message.ts'

export interface RunningRole {
  readonly host: string
  readonly port: number
  readonly metricsPort: number
  stop(): Promise<void>
}

export interface RoleOptions {
  /** For messages: `namenode`, `datanode`. */
  readonly role: string
  readonly dataFolder: string
  /** Where its files lie, told to people when it runs alone. */
  readonly facts: readonly string[]
  start(): Promise<RunningRole>
}

/** A predecessor that lost its supervisor may need so long to end, in milliseconds. */
const LOCK_WAIT_MS = 10_000
/** A stop that takes longer is broken off, in milliseconds. */
const STOP_MS = 4_000

/** Resolves to the exit code when the role has ended. */
export async function runRole(options: RoleOptions): Promise<number> {
  const stopping = stopRequest()
  void stopping.then(() => breakOffLater(options.role))
  let lock: Lock | undefined
  try {
    lock = await lockData(options)
    const running = await options.start()
    announce(options, running)
    await stopping
    await running.stop()
    return EXIT.ok
  } catch (error) {
    const sentence = sentenceOf(error)
    if (sentence === undefined || !isSupervised()) throw error
    await tell({ type: 'failed', sentence })
    process.stderr.write(`${sentence}\n`)
    return EXIT.failure
  } finally {
    lock?.release()
  }
}

async function lockData({ role, dataFolder }: RoleOptions): Promise<Lock> {
  try {
    mkdirSync(dataFolder, { recursive: true, mode: 0o700 })
    return await acquireLockWithin(`${dataFolder}.lock`, LOCK_WAIT_MS)
  } catch (error) {
    if (error instanceof LockHeldError) {
      throw new CommandError(
        `another ${role} (process ${error.pid}) runs on ${dataFolder}: stop it, or give another --data-dir`,
      )
    }
    throw new CommandError(
      `cannot use ${dataFolder} (${(error as Error).message}): make it writable, or give another --data-dir`,
    )
  }
}

/** Resolves when the role should stop. A second signal ends the process at once where nobody supervises it. */
function stopRequest(): Promise<void> {
  return new Promise(resolve => {
    if (isSupervised()) {
      // Ctrl-C reaches the whole terminal group; who supervises decides what it means.
      process.on('SIGINT', () => undefined)
      process.on('SIGHUP', () => undefined)
      process.on('SIGTERM', () => resolve())
      process.on('disconnect', () => resolve())
      if (!process.connected) resolve()
      return
    }
    let asked = false
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        if (asked) process.exit(EXIT.interrupted)
        asked = true
        resolve()
      })
    }
  })
}

function announce(options: RoleOptions, running: RunningRole): void {
  const { host, port, metricsPort } = running
  const message: ReadyMessage = { type: 'ready', host, port, metricsPort }
  if (isSupervised()) {
    process.send?.(message)
    return
  }
  const metrics = metricsPort === 0 ? [] : [`metrics http://${host}:${metricsPort}/metrics`]
  process.stderr.write(
    `${options.role} ready: ${[`${host}:${port}`, ...options.facts, ...metrics].join(', ')}\n`,
  )
}

/** A start or a stop that hangs must not keep the process. */
function breakOffLater(role: string): void {
  const timer = setTimeout(() => {
    process.stderr.write(`${role} did not stop within ${STOP_MS} ms and was broken off\n`)
    process.exit(EXIT.failure)
  }, STOP_MS)
  timer.unref()
}

function isSupervised(): boolean {
  return process.send !== undefined
}

function tell(message: RoleMessage): Promise<void> {
  return new Promise(resolve => {
    if (process.send === undefined || !process.connected) return resolve()
    // The supervisor may be gone by now; then nobody needs to know.
    process.send(message, undefined, undefined, () => resolve())
  })
}
