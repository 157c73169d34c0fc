/** Starts the mount daemon in the background and waits until it has mounted, or has said why it cannot. */
import { spawn } from 'node:child_process'
import { closeSync, mkdirSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from '../home/layout.ts'
import { type MountState, runningMounts } from './mount-state.ts'
import { mountNodeFlags } from './node-flags.ts'

/** How long mounting may take, and between two looks, in milliseconds. */
const READY_MS = 30_000
const POLL_MS = 50
/** Last part of the log that is shown when the daemon ends at its start, in characters. */
const LOG_TAIL = 2_000

/** `args` are those of `hopbine mount` without `--detach`. */
export async function startDetached(layout: HomeLayout, args: readonly string[]): Promise<MountState> {
  mkdirSync(layout.logsFolder, { recursive: true, mode: 0o700 })
  const logFile = layout.logFile('mount')
  const log = openSync(logFile, 'a', 0o600)
  const main = fileURLToPath(new URL('../main.ts', import.meta.url))
  const child = spawn(process.execPath, [...mountNodeFlags(), main, 'mount', ...args], {
    detached: true,
    stdio: ['ignore', log, log],
    cwd: '/',
  })
  closeSync(log)
  let ended: string | undefined
  child.once('error', error => {
    ended = error.message
  })
  child.once('exit', (code, signal) => {
    ended = signal ?? `exit status ${code}`
  })
  for (const deadline = performance.now() + READY_MS; performance.now() < deadline; ) {
    const state = runningMounts(layout).find(mount => mount.process.pid === child.pid)
    if (state !== undefined) {
      child.unref()
      return state
    }
    if (ended !== undefined) throw new CommandError(sayWhy(logFile, ended))
    await sleep(POLL_MS)
  }
  child.kill('SIGTERM')
  throw new CommandError(`the mount was not ready within ${READY_MS / 1000} s: read ${logFile}`)
}

function sayWhy(logFile: string, ended: string): string {
  const said = readFileSync(logFile, 'utf8').slice(-LOG_TAIL).trimEnd().split('\n').at(-1) ?? ''
  const sentence = said.replace(/^hopbine mount: /, '')
  return sentence === '' ? `the mount ended at its start (${ended}): read ${logFile}` : sentence
}
