/**
 * Runs one test file, or the checks, as a process group of its own and turns its TAP into a result.
 * Whatever the process leaves running is ended with it. It never prints.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { Parser } from 'tap-parser'
import type { TestFile } from './test-file.ts'

export interface Failure {
  /** Titles from the outermost test to the assertion. */
  title: string
  /** What tap says about it: difference, place, stack. */
  details?: unknown
}

export interface Result {
  name: string
  seconds: number
  passed: number
  failed: number
  skipped: number
  failures: Failure[]
  /** What it printed beside TAP, the end of it. */
  output: string
}

interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
  timedOut: boolean
}

const CHECK_TIMEOUT_SECONDS = 300
const OUTPUT_CHARACTERS_MAX = 40_000
/** From the polite signal to the final one, and from the end of a process to giving up on its pipes. */
const GRACE_MS = 5_000

const running = new Set<ChildProcess>()

/** Ends everything that is still running, at once. */
export function stopAll(): void {
  for (const child of running) signalGroup(child, 'SIGKILL')
}

/** Runs `node FILE` and counts the assertions of its innermost tests. */
export async function runTestFile(root: string, file: TestFile): Promise<Result> {
  const result = emptyResult(file.path)
  const started = performance.now()
  const argv = ['--disable-warning=ExperimentalWarning', file.path]
  const env = { ...process.env, TAP_TIMEOUT: String(file.timeoutSeconds) }
  const child = spawn(process.execPath, argv, { cwd: root, env, detached: true, stdio: PIPES })
  const protocolErrors = readTap(child, result)
  const ending = await waitFor(child, file.timeoutSeconds, result)
  result.seconds = (performance.now() - started) / 1000
  const problems = endingProblems(ending, result, file.timeoutSeconds)
  if (problems.length === 0 && result.failed === 0) problems.push(...protocolErrors)
  addProblems(result, problems)
  return result
}

/** Runs `npm run check`, which counts as one. */
export async function runCheck(root: string): Promise<Result> {
  const result = emptyResult('check (types, style, structure)')
  const started = performance.now()
  const child = spawn('npm', ['run', '--silent', 'check'], { cwd: root, detached: true, stdio: PIPES })
  child.stdout?.on('data', (chunk: Buffer) => keepOutput(result, chunk.toString()))
  const ending = await waitFor(child, CHECK_TIMEOUT_SECONDS, result)
  result.seconds = (performance.now() - started) / 1000
  if (ending.code === 0) result.passed = 1
  else addProblems(result, [`npm run check ${describeEnding(ending, CHECK_TIMEOUT_SECONDS)}`])
  return result
}

const PIPES: ['ignore', 'pipe', 'pipe'] = ['ignore', 'pipe', 'pipe']

function emptyResult(name: string): Result {
  return { name, seconds: 0, passed: 0, failed: 0, skipped: 0, failures: [], output: '' }
}

/** Feeds standard output to the parser; the array returned fills with breaches of the protocol. */
function readTap(child: ChildProcess, result: Result): string[] {
  const protocolErrors: string[] = []
  const parser = new Parser({}, results => {
    for (const failure of results.failures) {
      if (failure.tapError !== null) protocolErrors.push(`not valid TAP: ${failure.tapError}`)
    }
    if (results.bailout !== false) protocolErrors.push(`bailed out: ${results.bailout}`)
  })
  // The root emits `result` for assertions only, not for the line that sums up a subtest.
  parser.on('result', point => {
    if (point.skip !== false || point.todo !== false) result.skipped++
    else if (point.ok) result.passed++
    else {
      result.failed++
      result.failures.push({ title: point.fullname, details: point.diag })
    }
  })
  parser.on('extra', (text: string) => keepOutput(result, text))
  child.stdout?.on('data', (chunk: Buffer) => parser.write(chunk))
  child.stdout?.on('close', () => parser.end())
  return protocolErrors
}

function keepOutput(result: Result, text: string): void {
  result.output = (result.output + text).slice(-OUTPUT_CHARACTERS_MAX)
}

/** Resolves when the process has ended and its pipes are read; a process over its time is ended. */
function waitFor(child: ChildProcess, timeoutSeconds: number, result: Result): Promise<Ending> {
  running.add(child)
  child.stderr?.on('data', (chunk: Buffer) => keepOutput(result, chunk.toString()))
  return new Promise(resolve => {
    let timedOut = false
    const timers = [
      setTimeout(() => {
        timedOut = true
        signalGroup(child, 'SIGTERM')
        timers.push(setTimeout(() => signalGroup(child, 'SIGKILL'), GRACE_MS))
      }, timeoutSeconds * 1000),
    ]
    const finish = (code: number | null, signal: NodeJS.Signals | null): void => {
      for (const timer of timers) clearTimeout(timer)
      running.delete(child)
      resolve({ code, signal, timedOut })
    }
    child.on('error', error => {
      keepOutput(result, `${error.message}\n`)
      finish(null, null)
    })
    child.on('exit', () => {
      signalGroup(child, 'SIGKILL')
      // A process that left the group may hold the pipes open; what it prints is not waited for.
      timers.push(setTimeout(() => [child.stdout, child.stderr].map(pipe => pipe?.destroy()), GRACE_MS))
    })
    child.on('close', finish)
  })
}

function signalGroup(child: ChildProcess, signal: NodeJS.Signals): void {
  if (child.pid === undefined) return
  try {
    process.kill(-child.pid, signal)
  } catch (error) {
    const isGone = (error as NodeJS.ErrnoException).code === 'ESRCH'
    if (!isGone) throw error
  }
}

function endingProblems(ending: Ending, result: Result, timeoutSeconds: number): string[] {
  if (ending.timedOut) return [describeEnding(ending, timeoutSeconds)]
  if (ending.code !== 0 && result.failed === 0) return [describeEnding(ending, timeoutSeconds)]
  const isEmpty = result.passed + result.failed + result.skipped === 0
  return isEmpty ? ['printed no test'] : []
}

function describeEnding(ending: Ending, timeoutSeconds: number): string {
  if (ending.timedOut) return `ran longer than ${timeoutSeconds} s and was ended`
  if (ending.signal !== null) return `ended by ${ending.signal}`
  return ending.code === null ? 'could not be started' : `exited with status ${ending.code}`
}

function addProblems(result: Result, problems: string[]): void {
  result.failed += problems.length
  result.failures.push(...problems.map(title => ({ title })))
}
