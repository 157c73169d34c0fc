/**
 * The life of one role in its own process: start, say so, serve until told to stop, stop. The same whether it
 * runs alone or under `up`; under `up` it also ends when the supervising process is gone, however that ended.
 */
import { mkdirSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { CommandError, EXIT } from '../exit.ts'
import { sentenceOf } from '../output/sentence.ts'
import type { ReadyMessage, RoleMessage } from './role-message.ts'

export interface RunningRole {
  readonly host: string
  readonly port: number
  /** Undefined: no metrics page. */
  readonly metricsPort: number | undefined
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

/** A predecessor that lost its supervisor may keep the folder so long until it has ended, in milliseconds. */
const BUSY_WAIT_MS = 10_000
const BUSY_POLL_MS = 100
/** A stop that takes longer is broken off, in milliseconds. */
const STOP_MS = 4_000

/** Resolves to the exit code when the role has ended. */
export async function runRole(options: RoleOptions): Promise<number> {
  const stopping = stopRequest()
  void stopping.then(() => breakOffLater(options.role))
  try {
    makeDataFolder(options.dataFolder)
    const running = await startOnceFree(options)
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
  }
}

function makeDataFolder(folder: string): void {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 })
  } catch (error) {
    const reason = (error as Error).message
    throw new CommandError(`cannot use ${folder} (${reason}): make it writable, or give another --data-dir`)
  }
}

/** Starts when the folder is free: a process that ended moments ago may still be letting go of it. */
async function startOnceFree(options: RoleOptions): Promise<RunningRole> {
  const deadline = performance.now() + (isSupervised() ? BUSY_WAIT_MS : 0)
  for (;;) {
    try {
      return await options.start()
    } catch (error) {
      if (!isFsError(error, 'BUSY') || performance.now() > deadline) throw error
    }
    await sleep(BUSY_POLL_MS)
  }
}

/**
 * Resolves when the role should stop. A second signal ends the process at once where nobody supervises it.
 */
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
  const { host, port, metricsPort = 0 } = running
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
