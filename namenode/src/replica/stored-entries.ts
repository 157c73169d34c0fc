/** Entries of the core as the log holds them, and back. */
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import { FRAME_HEADER_BYTES, LENGTH_BYTES } from '../log/frame.ts'
import type { LogEntry } from '../log/segment.ts'
import { type Configuration, makeConfiguration } from '../raft/configuration.ts'
import type { Entry, EntryKind, MemberId } from '../raft/messages.ts'

/** For `SegmentedLog.append`: the header's room, then each entry behind its length. */
export interface EntryFrame {
  readonly bytes: Buffer
  readonly entries: number
  readonly term: number
  readonly isConfiguration: boolean
}

/** A frame of entries of one term; a configuration stands alone. */
export function frameOf(entries: readonly [Entry, ...Entry[]]): EntryFrame {
  const [{ term, kind }] = entries
  const contents = entries.map(contentOf)
  const size = contents.reduce((sum, { length }) => sum + LENGTH_BYTES + length, FRAME_HEADER_BYTES)
  const bytes = Buffer.alloc(size)
  let at = FRAME_HEADER_BYTES
  for (const content of contents) {
    at = bytes.writeUInt32LE(content.length, at)
    bytes.set(content, at)
    at += content.length
  }
  return { bytes, entries: entries.length, term, isConfiguration: kind === 'configuration' }
}

/** Nothing but commands has bytes, so that those without are the core's own. */
export function entryOf({ index, term, isConfiguration, bytes }: LogEntry): Entry {
  if (isConfiguration) {
    const configuration = decodeConfiguration(bytes)
    return { index, term, kind: 'configuration', data: Buffer.alloc(0), configuration }
  }
  const kind: EntryKind = bytes.length === 0 ? 'noop' : 'command'
  return { index, term, kind, data: bytes, configuration: undefined }
}

export function encodeConfiguration({ voters, learners, outgoing }: Configuration): Buffer {
  const writer = new Writer(128)
  for (const members of [voters, learners, outgoing]) {
    writer.u32(members.length)
    for (const member of members) writer.f64(member)
  }
  return writer.copy()
}

/** Throws BAD_FRAME for anything else. */
export function decodeConfiguration(bytes: Buffer): Configuration {
  const reader = new Reader(bytes)
  const members = (): MemberId[] => Array.from({ length: reader.u32() }, () => reader.f64())
  return makeConfiguration(members(), members(), members())
}

function contentOf({ kind, data, configuration }: Entry): Uint8Array {
  return kind === 'configuration' && configuration !== undefined ? encodeConfiguration(configuration) : data
}
