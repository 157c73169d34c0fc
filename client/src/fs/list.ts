/**
 * A directory's entries as an async iterator, page by page: memory follows the page, never the directory. A
 * directory that changes meanwhile shows each name at most once, in byte order.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { LIST_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { list_, stat } from '@hopbine/common/protocol/metadata.ts'
import { KIND, type FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { ListOptions } from './options.ts'
import type { Session } from './session.ts'
import { FileStatus } from './status.ts'

type Page = { entries: WireStatus[]; more: boolean }

/** Entries of `path`, which is absolute and checked; a file yields itself. */
export async function* listStatus(
  session: Session,
  path: string,
  options: ListOptions,
): AsyncGenerator<FileStatus> {
  const { signal, pageMax = LIST_PAGE_MAX } = options
  if (!(Number.isInteger(pageMax) && pageMax >= 1 && pageMax <= LIST_PAGE_MAX)) {
    throw new FsError('INVALID_ARGUMENT', `pageMax must be 1 to ${LIST_PAGE_MAX}`)
  }
  const fetch = (after: string): Promise<Page> =>
    session.rpc.call(list_, { path, after, max: pageMax }, { signal })
  let page = await fetch(options.after ?? '')
  if (options.after === undefined && (await listsItself(session, path, page, signal))) {
    yield new FileStatus(path, page.entries[0] as WireStatus)
    return
  }
  for (;;) {
    // The next page is on its way while this one is being looked at.
    const last = page.entries.at(-1)
    const next = page.more && last !== undefined ? fetch(last.name) : undefined
    // A caller that stops early never awaits it, and its failure is then nobody's.
    next?.catch(() => undefined)
    for (const entry of page.entries) yield FileStatus.ofChild(path, entry)
    if (next === undefined) return
    page = await next
  }
}

/**
 * A page of one non-directory is a file that lists itself, or a directory with one file in it: one more
 * call tells.
 */
async function listsItself(
  session: Session,
  path: string,
  page: Page,
  signal: AbortSignal | undefined,
): Promise<boolean> {
  const only = page.entries[0]
  if (only === undefined || page.entries.length > 1 || page.more) return false
  if (only.kind === KIND.directory) return false
  const { status } = await session.rpc.call(stat, { path, followLast: true }, { signal })
  return status.kind !== KIND.directory
}
