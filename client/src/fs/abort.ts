/** What an aborted signal means here: the operating error CANCELLED, whatever the reason given was. */
import { FsError } from '@hopbine/common/base/errors.ts'

export function cancelled(signal: AbortSignal): FsError {
  return new FsError('CANCELLED', 'the call was aborted', {}, { cause: signal.reason })
}

/** Throws CANCELLED if the signal is aborted already. */
export function checkAbort(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw cancelled(signal)
}

/**
 * Calls `body` when the signal is aborted, in a later turn if it is already; returns how to stop listening.
 */
export function onAbort(signal: AbortSignal | undefined, body: (error: FsError) => void): () => void {
  if (signal === undefined) return () => undefined
  const listener = (): void => body(cancelled(signal))
  if (signal.aborted) process.nextTick(listener)
  else signal.addEventListener('abort', listener, { once: true })
  return () => signal.removeEventListener('abort', listener)
}
