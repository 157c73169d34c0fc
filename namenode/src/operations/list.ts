/** list: one page of a directory, in byte order of names. */
import { LIST_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { list_ as method } from '@hopbine/common/protocol/metadata.ts'
import type { RequestOf, ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { FileStatus } from '@hopbine/common/protocol/types.ts'
import { EXECUTE, READ } from '@hopbine/common/rules/permission.ts'
import { fileTarget } from '../namespace/links.ts'
import { callerOf, requireDirectoryAccess } from '../namespace/permission.ts'
import { resolveTarget, type Target } from '../namespace/resolve.ts'
import { statusOf, statusOfRow } from '../namespace/status.ts'
import { LINK_KIND } from '../store/schema.ts'
import type { EntryRow } from '../store/tables/entry-table.ts'
import type { Tx } from '../store/tx.ts'
import { type QueryContext, read } from './operation.ts'

/** A page ends behind so many characters of names and targets, so that it fits into a message. */
const PAGE_CHARACTERS_MAX = 1024 * 1024

type Request = RequestOf<typeof method>

export const list = read({
  method,
  query: (tx, request, context) => page(tx, findAllowed(tx, request, context), request),
  /** A small directory's whole listing is kept as bytes until something in it changes. */
  respond(tx, request, context, writer) {
    const target = findAllowed(tx, request, context)
    const isWhole = target.row === undefined && request.after === ''
    const version = isWhole ? tx.directories.versionOf(target.slot) : 0
    const kept = isWhole ? tx.listings.get(target.slot, version, limitOf(request)) : undefined
    if (kept !== undefined) return writer.raw(kept)
    const answer = page(tx, target, request)
    const start = writer.position
    method.response.encode(writer, answer)
    if (isWhole && !answer.more) {
      tx.listings.put(target.slot, version, answer.entries.length, writer.copyFrom(start))
    }
  },
})

function findAllowed(tx: Tx, request: Request, context: QueryContext): Target {
  const caller = callerOf(tx, context.principal)
  const target = resolveTarget(tx, caller, request.path, true)
  if (target.row === undefined) requireDirectoryAccess(tx, caller, target.slot, READ | EXECUTE)
  return target
}

function page(tx: Tx, target: Target, request: Request): ResponseOf<typeof method> {
  if (target.row !== undefined) {
    return { entries: request.after === '' ? [statusOfRow(tx, target.row)] : [], more: false }
  }
  const limit = limitOf(request)
  const rows = tx.entries.page(tx.directories.id[target.slot] as number, request.after, limit + 1)
  const entries: FileStatus[] = []
  for (
    let characters = 0;
    entries.length < Math.min(rows.length, limit) && characters < PAGE_CHARACTERS_MAX;
  ) {
    const status = statusOfEntry(tx, target.slot, rows[entries.length] as EntryRow)
    entries.push(status)
    characters += status.name.length + status.target.length + status.owner.length + status.group.length
  }
  return { entries, more: rows.length > entries.length }
}

export function statusOfEntry(tx: Tx, parent: number, row: EntryRow): FileStatus {
  return row.kind === LINK_KIND ? statusOf(tx, fileTarget(tx, row, parent)) : statusOfRow(tx, row)
}

function limitOf({ max }: Request): number {
  return Math.min(max === 0 ? LIST_PAGE_MAX : max, LIST_PAGE_MAX)
}
