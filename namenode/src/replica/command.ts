/** An entry of the log: which operation, who, when, which write of which session, and the command itself. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import type { WriteOperation } from '../operations/operation.ts'
import { LOGGED_OPERATIONS } from '../operations/registry.ts'

export interface Envelope {
  readonly user: string
  readonly groups: readonly string[]
  readonly superuser: boolean
  /** '' for the leader's own commands. */
  readonly clientId: string
  /** Number of the write in its session; 0 for the leader's own. */
  readonly sequence: number
  readonly behind: number
  readonly seconds: number
  readonly nanos: number
}

export interface Command {
  readonly operation: WriteOperation
  readonly envelope: Envelope
  readonly body: unknown
}

export function encodeCommand(writer: Writer, { operation, envelope, body }: Command): void {
  writer.u16(operation.method.id)
  writer.text(envelope.user)
  writer.u8(envelope.superuser ? 1 : 0)
  writer.u16(envelope.groups.length)
  for (const group of envelope.groups) writer.text(group)
  writer.text(envelope.clientId)
  writer.f64(envelope.sequence)
  writer.u32(envelope.behind)
  writer.f64(envelope.seconds)
  writer.u32(envelope.nanos)
  operation.command.encode(writer, body)
}

/** Throws UNSUPPORTED for an entry of a newer program. */
export function decodeCommand(bytes: Buffer): Command {
  const reader = new Reader(bytes)
  const id = reader.u16()
  const operation = LOGGED_OPERATIONS.get(id)
  if (operation === undefined) {
    throw new FsError(
      'UNSUPPORTED',
      `the log holds command ${id}, which this program does not know: use a newer one`,
    )
  }
  const user = reader.text()
  const superuser = reader.u8() !== 0
  const groups = Array.from({ length: reader.u16() }, () => reader.text())
  const envelope = {
    user,
    superuser,
    groups,
    clientId: reader.text(),
    sequence: reader.f64(),
    behind: reader.u32(),
    seconds: reader.f64(),
    nanos: reader.u32(),
  }
  return { operation, envelope, body: operation.command.decode(reader) }
}
