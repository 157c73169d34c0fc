/** What an entry of the simulation carries: one number, which stands for one write of one client. */
import type { Entry } from '@hopbine/namenode/raft/messages.ts'

const CONTENT_BYTES = 8

export function encodeContent(content: number): Uint8Array {
  const bytes = Buffer.allocUnsafe(CONTENT_BYTES)
  bytes.writeDoubleLE(content)
  return bytes
}

/** The number of a command; entries of Raft's own have negative ones. */
export function contentOf({ kind, data }: Entry): number {
  if (kind === 'noop') return -1
  if (kind === 'configuration') return -2
  return new DataView(data.buffer, data.byteOffset, data.length).getFloat64(0, true)
}
