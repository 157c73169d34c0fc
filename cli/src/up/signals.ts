/**
 * Signals that ask `up` to stop: the first resolves `asked`, the second calls `atOnce`. They stay caught
 * until the process ends, so that a signal in the middle of the stop does not tear it.
 */

export interface StopSignals {
  /** The signal that asked first. */
  readonly asked: Promise<NodeJS.Signals>
}

export function stopSignals(atOnce: () => void): StopSignals {
  let count = 0
  const asked = new Promise<NodeJS.Signals>(resolve => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => {
        count += 1
        if (count === 1) resolve(signal)
        else atOnce()
      })
    }
  })
  return { asked }
}
