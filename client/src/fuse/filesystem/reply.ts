/** Common forms of answers. */
import { type Entry, encodeDone, encodeEntry } from '../protocol/encode.ts'
import type { RequestHeader } from '../protocol/request.ts'
import type { Reply } from '../session/session.ts'
import type { MountContext } from './mount-context.ts'

export function done(header: RequestHeader): Reply {
  return { parts: [encodeDone(header.unique)] }
}

export function reply(message: Buffer): Reply {
  return { parts: [message] }
}

/** An entry that the kernel remembers, if it takes the answer. */
export function entryReply(context: MountContext, header: RequestHeader, entry: Entry): Reply {
  return { parts: [encodeEntry(header.unique, entry)], undo: () => context.forgetEntry(entry) }
}
