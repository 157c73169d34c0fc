/**
 * Keeps one role running: starts it, starts it again after a growing pause when it ends, and gives up when
 * it fails at its start too often in a row. A restarted role gets the ports it had, so that addresses stay
 * valid.
 */
import type { ReadyMessage } from './role-message.ts'
import { RoleProcess } from './role-process.ts'

export interface RoleSpec {
  /** `namenode`, `datanode-1`, … */
  readonly role: string
  readonly logFile: string
  /** Arguments for `hopbine`; `before` holds the addresses of the run before. */
  argv(before: ReadyMessage | undefined): readonly string[]
  /** From now on `argv` asks for free ports instead of those of an earlier `up`; false: it did so before. */
  forgetPorts?(): boolean
}

export interface RoleEvents {
  /** It serves; again after each restart. */
  onReady(role: SupervisedRole): void
  /** Something an operator should know. */
  onNotice(sentence: string): void
  /** It ended or failed too often and is not started again. */
  onGivenUp(sentence: string): void
}

/** Pause before a restart, doubled from the minimum to the maximum, in milliseconds. */
const PAUSE_MS_MIN = 200
const PAUSE_MS_MAX = 10_000
/** A role that served so long has recovered: pause and count begin anew, in milliseconds. */
const SOUND_MS = 30_000
/** Failures at the start, in a row, before giving up. The first start of all has one try. */
const START_FAILURES_MAX = 5

export class SupervisedRole {
  readonly spec: RoleSpec
  readonly #events: RoleEvents
  #process: RoleProcess | undefined
  #timer: NodeJS.Timeout | undefined
  #pauseMs = PAUSE_MS_MIN
  #startFailures = 0
  #stopping = false
  /** Addresses of the last run that became ready. */
  address: ReadyMessage | undefined

  constructor(spec: RoleSpec, events: RoleEvents) {
    this.spec = spec
    this.#events = events
  }

  get pid(): number | undefined {
    return this.#process?.pid
  }

  /**
   * First start: resolves when it serves, or to the sentence that says why it does not. A port of an earlier
   * `up` was free a moment ago, and any program may have taken it since: then another one is as good.
   */
  async start(): Promise<string | undefined> {
    const failure = await this.#startOnce()
    if (failure === undefined || this.#stopping || this.spec.forgetPorts?.() !== true) return failure
    return this.#startOnce()
  }

  async #startOnce(): Promise<string | undefined> {
    const run = this.#run()
    const ready = await run.ready
    if (ready !== undefined) {
      this.#served(run, ready)
      return undefined
    }
    const end = await run.ended
    const { role, logFile } = this.spec
    if (end.sentence !== undefined) return `the ${role} cannot start: ${end.sentence}`
    return `the ${role} ended at its start (${end.how}): read ${logFile}`
  }

  /** Asks it to stop and resolves when it has ended. */
  async stop(): Promise<void> {
    this.#stopping = true
    clearTimeout(this.#timer)
    this.#process?.signal('SIGTERM')
    await this.#process?.ended
  }

  kill(): void {
    this.#stopping = true
    clearTimeout(this.#timer)
    this.#process?.signal('SIGKILL')
  }

  #run(): RoleProcess {
    this.#process = new RoleProcess(this.spec.argv(this.address), this.spec.logFile)
    return this.#process
  }

  /** It is ready now; what happens when it ends. */
  #served(run: RoleProcess, ready: ReadyMessage): void {
    const since = performance.now()
    this.address = ready
    this.#startFailures = 0
    this.#events.onReady(this)
    void run.ended.then(end => {
      if (this.#stopping) return
      if (performance.now() - since > SOUND_MS) this.#pauseMs = PAUSE_MS_MIN
      this.#restartLater(`the ${this.spec.role} ended (${end.how})`)
    })
  }

  #restartLater(what: string): void {
    const pauseMs = this.#pauseMs
    this.#pauseMs = Math.min(pauseMs * 2, PAUSE_MS_MAX)
    const log = `its log is ${this.spec.logFile}`
    this.#events.onNotice(`${what}; it is started again in ${pauseMs / 1000} s, ${log}`)
    this.#timer = setTimeout(() => void this.#restart(), pauseMs)
  }

  async #restart(): Promise<void> {
    const run = this.#run()
    const ready = await run.ready
    if (this.#stopping) return
    if (ready !== undefined) {
      this.#events.onNotice(`the ${this.spec.role} serves again (process ${run.pid})`)
      return this.#served(run, ready)
    }
    const end = await run.ended
    if (this.#stopping) return
    const what = `the ${this.spec.role} cannot start: ${end.sentence ?? end.how}`
    this.#startFailures += 1
    if (this.#startFailures >= START_FAILURES_MAX)
      this.#events.onGivenUp(`${what}; read ${this.spec.logFile}`)
    else this.#restartLater(what)
  }
}
