/**
 * Operations inside a batch of a queue: which there are, how they are prepared and written into the log, and
 * which directories each of them needs to be leased.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { QueuedOperation } from '@hopbine/common/protocol/directory-leases.ts'
import { IF_EXISTS } from '@hopbine/common/protocol/metadata.ts'
import { failure } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { failureOf } from '@hopbine/common/rpc/server-connection.ts'
import type { Codec } from '@hopbine/common/wire/codec.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import type { Writer } from '@hopbine/common/wire/writer.ts'
import {
  requireAttributesHeld,
  requireHeld,
  requireInodePath,
  requireNamesHeld,
} from '../namespace/directory-leases.ts'
import type { Failure, LeaseQueue } from '../store/tables/directory-lease-table.ts'
import type { Tx } from '../store/tx.ts'
import { chmod } from './chmod.ts'
import { chown } from './chown.ts'
import { create } from './create.ts'
import { link } from './link.ts'
import { mkdir } from './mkdir.ts'
import { mknod } from './mknod.ts'
import type { PrepareContext, WriteOperation } from './operation.ts'
import { releaseDirectory } from './release-directory.ts'
import { remove } from './remove.ts'
import { rename } from './rename.ts'
import { symlink } from './symlink.ts'
import { utimes } from './utimes.ts'
import { writeInline } from './write-inline.ts'

/** One operation as the log has it: what to apply, or why it cannot be. */
export interface QueuedCommand {
  /** Absent: it was refused when it was prepared. */
  readonly operation: WriteOperation | undefined
  readonly body: unknown
  readonly refusal: Failure | undefined
  /** Index into the batch's principals. */
  readonly principal: number
  readonly seconds: number
  readonly nanos: number
  /** Inode id for what it makes; 0: it makes nothing. */
  readonly inodeId: number
}

interface Paths {
  readonly path: string
  readonly from: string
  readonly to: string
  readonly inodeId: number
  readonly createParents: boolean
  readonly ifExists: number
  readonly recursive: boolean
}

interface Row {
  readonly operation: WriteOperation
  /** It makes an inode or a name, and needs an id for it. */
  readonly makes: boolean
  /** Throws unless what it changes is leased to the queue. */
  requireLeases(tx: Tx, queue: LeaseQueue, request: Paths): void
}

/** A name in a leased directory. */
function requireName(tx: Tx, queue: LeaseQueue, path: string): void {
  const { id, name } = requireInodePath(path)
  if (name === '') throw new FsError('INVALID_ARGUMENT', `${path} has no name`)
  requireHeld(tx, queue, id)
}

/** A name that goes, and with it a link of an inode that may have others. */
function requireTaken(tx: Tx, queue: LeaseQueue, path: string): void {
  requireName(tx, queue, path)
  requireAttributesHeld(tx, queue, requireInodePath(path))
}

const requirePath: Row['requireLeases'] = (tx, queue, { path }) => requireName(tx, queue, path)
const requireAttributes: Row['requireLeases'] = (tx, queue, { path }) =>
  requireAttributesHeld(tx, queue, requireInodePath(path))

const ROWS: readonly Row[] = [
  { operation: mkdir, makes: true, requireLeases: requirePath },
  {
    operation: create,
    makes: true,
    requireLeases(tx, queue, { path, createParents, ifExists }) {
      if (createParents) throw new FsError('INVALID_ARGUMENT', 'a queued create makes no parents')
      if (ifExists === IF_EXISTS.fail) requireName(tx, queue, path)
      else requireTaken(tx, queue, path)
    },
  },
  { operation: symlink, makes: true, requireLeases: requirePath },
  { operation: mknod, makes: true, requireLeases: requirePath },
  {
    operation: link,
    makes: true,
    requireLeases(tx, queue, { from, to }) {
      requireAttributesHeld(tx, queue, requireInodePath(from))
      requireName(tx, queue, to)
    },
  },
  {
    operation: rename,
    makes: false,
    requireLeases(tx, queue, { from, to }) {
      requireTaken(tx, queue, from)
      requireTaken(tx, queue, to)
    },
  },
  {
    operation: remove,
    makes: false,
    requireLeases(tx, queue, { path, recursive }) {
      if (recursive) throw new FsError('INVALID_ARGUMENT', 'a queued remove takes no tree')
      requireTaken(tx, queue, path)
    },
  },
  { operation: chmod, makes: false, requireLeases: requireAttributes },
  { operation: chown, makes: false, requireLeases: requireAttributes },
  { operation: utimes, makes: false, requireLeases: requireAttributes },
  {
    operation: writeInline,
    makes: false,
    requireLeases(tx, queue, { inodeId }) {
      const row = tx.entries.findId(inodeId)
      if (row === undefined) throw new FsError('STALE', `inode ${inodeId} is gone`)
      requireHeld(tx, queue, row.parentId)
      requireNamesHeld(tx, queue, row)
    },
  },
  {
    operation: releaseDirectory,
    makes: false,
    // It may have gone before, with the directory itself.
    requireLeases(tx, queue, { inodeId }) {
      if (tx.leases.holderOf(inodeId) !== undefined) requireHeld(tx, queue, inodeId)
    },
  },
]

const ROW_BY_METHOD: ReadonlyMap<number, Row> = new Map(ROWS.map(row => [row.operation.method.id, row]))

function rowOf(method: number): Row {
  const row = ROW_BY_METHOD.get(method)
  if (row === undefined) throw new FsError('INVALID_ARGUMENT', `method ${method} cannot be queued`)
  return row
}

/** Prepares one operation on the leader. What is wrong with it becomes its failure when its turn comes. */
export function prepareQueued(
  queued: QueuedOperation,
  principals: readonly Principal[],
  context: PrepareContext,
): QueuedCommand {
  const { principal, seconds, nanos, inodeId } = queued
  const facts = { principal, seconds, nanos, inodeId }
  try {
    const { operation, makes } = rowOf(queued.method)
    const speaker = principals[principal]
    if (speaker === undefined) throw new FsError('INVALID_ARGUMENT', `no principal ${principal}`)
    if (makes !== inodeId > 0) {
      throw new FsError('INVALID_ARGUMENT', 'an operation has an inode id if and only if it makes something')
    }
    const request = operation.method.request.decode(new Reader(queued.request as Buffer))
    const body = operation.prepare(request, new QueuedContext(context, speaker, inodeId))
    return { operation, body, refusal: undefined, ...facts }
  } catch (error) {
    if (!isFsError(error)) throw error
    return { operation: undefined, body: undefined, refusal: failureOf(error), ...facts }
  }
}

/** Throws unless all that the operation changes is leased to the queue and its id is one of the queue's. */
export function requireQueuedLeases(tx: Tx, queue: LeaseQueue, command: QueuedCommand): void {
  const { operation, body, inodeId } = command
  if (operation === undefined) return
  // The command of some operations is the request itself, that of others holds it.
  const request = (body as { request?: Paths }).request ?? (body as Paths)
  rowOf(operation.method.id).requireLeases(tx, queue, request)
  if (inodeId > 0 && !queue.ids.take(inodeId)) {
    throw new FsError('INVALID_ARGUMENT', `id ${inodeId} was not given to the queue, or was used before`)
  }
}

/** What an operation sees of the leader: its own speaker, and the id that its sender chose. */
class QueuedContext implements PrepareContext {
  readonly state: Tx
  readonly principal: Principal
  readonly clientId: string
  readonly openFiles: PrepareContext['openFiles']
  readonly #outer: PrepareContext
  readonly #inodeId: number

  constructor(outer: PrepareContext, principal: Principal, inodeId: number) {
    this.#outer = outer
    this.state = outer.state
    this.principal = principal
    this.clientId = outer.clientId
    this.openFiles = behind(outer.openFiles)
    this.#inodeId = inodeId
  }

  drawIds(count: number): number {
    if (count !== 1) throw new FsError('INVALID_ARGUMENT', 'a queued operation makes one inode')
    return this.#inodeId
  }

  place(): never {
    throw new FsError('INVALID_ARGUMENT', 'a queued operation needs no datanode')
  }

  leaseRefusal(): never {
    throw new FsError('INVALID_ARGUMENT', 'a queued operation asks for no lease')
  }

  silentSessions(): string[] {
    return this.#outer.silentSessions()
  }
}

/** Operations of the same batch come before it. */
function behind(openFiles: PrepareContext['openFiles']): PrepareContext['openFiles'] {
  return {
    isNothing: besides => openFiles.isNothing(besides),
    holder: (inodeId, besides) => openFiles.holder(inodeId, besides),
    within: (slot, besides) => openFiles.within(slot, besides),
    newest: besides => openFiles.newest(besides),
    taking: inodeId => openFiles.taking(inodeId),
    isBehind: true,
  }
}

/** Each command by the codec of its operation, behind its length as records are. */
export const queuedCommand: Codec<QueuedCommand> = {
  shape: '{method:u16,principal:u16,seconds:int,nanos:u32,inodeId:int,body:by method, failure for method 0}',
  missing: {
    operation: undefined,
    body: undefined,
    refusal: failure.missing,
    principal: 0,
    seconds: 0,
    nanos: 0,
    inodeId: 0,
  },
  encode(writer: Writer, command: QueuedCommand): void {
    const { operation, body, refusal, principal, seconds, nanos, inodeId } = command
    const start = writer.position
    writer.u32(0)
    writer.u16(operation?.method.id ?? 0)
    writer.u16(principal)
    writer.f64(seconds)
    writer.u32(nanos)
    writer.f64(inodeId)
    if (operation !== undefined) operation.command.encode(writer, body)
    else failure.encode(writer, refusal ?? failure.missing)
    writer.patchU32(start, writer.position - start - 4)
  },
  decode(reader: Reader): QueuedCommand {
    const outer = reader.enter(reader.u32())
    const method = reader.u16()
    const facts = {
      principal: reader.u16(),
      seconds: reader.int(),
      nanos: reader.u32(),
      inodeId: reader.int(),
    }
    const operation = method === 0 ? undefined : rowOf(method).operation
    const body = operation?.command.decode(reader)
    const refusal = operation === undefined ? failure.decode(reader) : undefined
    reader.leave(outer)
    return { operation, body, refusal, ...facts }
  },
}
