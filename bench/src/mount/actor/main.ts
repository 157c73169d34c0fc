/**
 * An actor: a process of its own that works in a directory when it is told, so that a directory which hangs
 * stops no one else, and so that its CPU time is its own. It ends when its parent goes.
 */
import { type Measured, prepareWork } from './actions.ts'
import type { FromActor, ToActor } from './messages.ts'

let prepared: Measured | undefined

function handle(message: ToActor): void {
  if (message.type === 'work') {
    prepared = prepareWork(message.work)
    return tell({ type: 'ready' })
  }
  if (prepared === undefined) throw new Error('no work was prepared')
  const usage = process.cpuUsage()
  const operations = prepared()
  const { user, system } = process.cpuUsage(usage)
  prepared = undefined
  tell({ type: 'done', operations, cpuMicros: user + system })
}

function tell(message: FromActor): void {
  process.send?.(message)
}

process.on('message', (message: ToActor) => {
  try {
    handle(message)
  } catch (error) {
    tell({ type: 'failed', message: (error as Error).message })
  }
})
// What Ctrl-C means is decided by the parent; this process goes with it.
process.on('SIGINT', () => undefined)
process.on('disconnect', () => process.exit(0))
