/** Lets actors work: as many processes as there are pieces of work, all beginning together. */
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { BenchError } from '../failure.ts'
import type { Done, FromActor, ToActor, Work } from './actor/messages.ts'

export interface Acted {
  readonly elapsedMs: number
  readonly operations: number
  readonly cpuMicros: number
}

/** Longest that a piece of work may take, in milliseconds; then its directory counts as hanging. */
const WORK_MS_MAX = 600_000

/** Throws BenchError when a piece of work fails. */
export async function act(works: readonly Work[]): Promise<Acted> {
  const main = new URL('./actor/main.ts', import.meta.url)
  const actors = works.map(() => fork(main, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] }))
  try {
    const ready = actors.map(actor => answer(actor, 'ready'))
    works.forEach((work, index) => {
      send(actors[index], { type: 'work', work })
    })
    await Promise.all(ready)
    const done = actors.map(actor => answer(actor, 'done'))
    const began = performance.now()
    for (const actor of actors) send(actor, { type: 'go' })
    const results = (await Promise.all(done)) as Done[]
    return {
      elapsedMs: performance.now() - began,
      operations: results.reduce((sum, { operations }) => sum + operations, 0),
      cpuMicros: results.reduce((sum, { cpuMicros }) => sum + cpuMicros, 0),
    }
  } finally {
    await Promise.all(actors.map(end))
  }
}

function send(actor: ChildProcess | undefined, message: ToActor): void {
  actor?.send(message)
}

function answer(actor: ChildProcess, type: FromActor['type']): Promise<FromActor> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(new BenchError(`no answer within ${WORK_MS_MAX / 1000} s`))
    }, WORK_MS_MAX)
    const onMessage = (value: unknown): void => {
      const message = value as FromActor
      if (message.type === 'failed') reject(new BenchError(message.message))
      else if (message.type !== type) return
      finish()
      resolve(message)
    }
    const onExit = (code: number | null, signal: string | null): void => {
      finish()
      reject(new BenchError(`it ended early (${signal ?? `exit status ${code}`})`))
    }
    const finish = (): void => {
      clearTimeout(timer)
      actor.off('message', onMessage)
      actor.off('exit', onExit)
    }
    actor.on('message', onMessage)
    actor.once('exit', onExit)
  })
}

/** One that waits in a system call does not hear; it is killed, and goes when the call ends. */
async function end(actor: ChildProcess): Promise<void> {
  if (actor.exitCode !== null || actor.signalCode !== null) return
  const ended = once(actor, 'exit')
  actor.kill('SIGKILL')
  const limit = new Promise(resolve => setTimeout(resolve, 1_000).unref())
  await Promise.race([ended, limit])
}
