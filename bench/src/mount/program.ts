/** Runs a program as a user would, and says what it printed and how much time and CPU it took. */
import { spawn } from 'node:child_process'
import { BenchError } from '../failure.ts'
import { endedChildrenMicros } from '../machine/process-usage.ts'

export interface Ran {
  readonly elapsedMs: number
  /** User and system time of the program and of the programs that it started. */
  readonly cpuMicros: number
  readonly out: string
}

/** Same output wherever it runs, whatever the user has configured. */
const ENVIRONMENT = {
  LC_ALL: 'C',
  GIT_CONFIG_GLOBAL: '/dev/null',
  GIT_CONFIG_SYSTEM: '/dev/null',
  GIT_AUTHOR_DATE: '2026-01-01T00:00:00Z',
  GIT_COMMITTER_DATE: '2026-01-01T00:00:00Z',
  GIT_AUTHOR_NAME: 'bench',
  GIT_AUTHOR_EMAIL: 'bench@localhost',
  GIT_COMMITTER_NAME: 'bench',
  GIT_COMMITTER_EMAIL: 'bench@localhost',
  GIT_TERMINAL_PROMPT: '0',
}
/** Last part of what a program says that is shown when it fails, in characters. */
const SAID_SHOWN = 300

/** Throws BenchError when it fails. Only one program may run at a time: CPU is that of all ended children. */
export async function runProgram(words: readonly string[], folder: string): Promise<Ran> {
  const [program, ...args] = words
  const before = await endedChildrenMicros()
  const began = performance.now()
  const { status, out, said } = await ended(program as string, args, folder)
  const elapsedMs = performance.now() - began
  if (status !== '0') {
    throw new BenchError(`${words.join(' ')}: ${status}: ${said.trim().slice(-SAID_SHOWN)}`)
  }
  return { elapsedMs, cpuMicros: (await endedChildrenMicros()) - before, out }
}

function ended(
  program: string,
  args: readonly string[],
  cwd: string,
): Promise<{ status: string; out: string; said: string }> {
  const env = { ...process.env, ...ENVIRONMENT }
  const child = spawn(program, [...args], { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] })
  const out: Buffer[] = []
  const said: Buffer[] = []
  child.stdout.on('data', (part: Buffer) => out.push(part))
  child.stderr.on('data', (part: Buffer) => said.push(part))
  return new Promise((resolve, reject) => {
    child.once('error', error => reject(new BenchError(`${program} cannot be started: ${error.message}`)))
    child.once('close', (code, signal) => {
      const text = (parts: readonly Buffer[]): string => Buffer.concat(parts).toString()
      resolve({ status: signal ?? String(code), out: text(out), said: text(said) })
    })
  })
}
