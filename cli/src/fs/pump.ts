/**
 * Moves bytes from a source to a file being written. Ctrl-C gives the new file up, so that nothing of it
 * stays; in a run that can be resumed it ends the file where it is instead.
 */
import { pipeline } from 'node:stream/promises'
import type { FileWriteStream } from '@hopbine/client/index.ts'
import { ShellError } from './path-error.ts'
import type { Transfer } from './transfer.ts'

export async function pump(
  transfer: Transfer,
  source: AsyncIterable<Buffer>,
  target: FileWriteStream,
): Promise<void> {
  const { signal } = transfer.call
  if (!transfer.isResuming) {
    await pipeline(source, chunks => transfer.counted(chunks), target, { signal })
    return
  }
  await pipeline(source, chunks => untilAborted(signal, transfer.counted(chunks)), target)
  if (signal.aborted) throw new ShellError('interrupted')
}

async function* untilAborted(signal: AbortSignal, chunks: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  for await (const chunk of chunks) {
    yield chunk
    if (signal.aborted) return
  }
}
