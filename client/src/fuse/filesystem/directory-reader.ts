/**
 * Reads a directory for one handle, page by page in byte order of names. A cookie is the place of an entry
 * in the order in which this handle met them, so it stays what it is while entries come and go: going on
 * behind a cookie means behind that name. Two pages are kept; a cookie of an older page is found again by
 * the name before that page.
 */
import { LIST_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { list_ } from '@hopbine/common/protocol/metadata.ts'
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import type { KernelCache, Stamp } from './kernel-cache.ts'
import { after, ask } from './reply.ts'

/** Cookies 1 and 2 stand behind `.` and `..`; entries follow. */
export const DOTS = 2

export interface Page {
  /** Cookie before its first entry; reading goes on behind its n-th, from 1, at n more. */
  readonly start: number
  readonly entries: readonly WireStatus[]
  readonly isLast: boolean
  /** From before it was asked for. */
  readonly stamp: Stamp
}

/** Where a page starts: its cookie, and the name before its first entry. */
interface Start {
  readonly cookie: number
  readonly after: string
}

export class DirectoryReader {
  readonly inodeId: number
  readonly #path: string
  readonly #rpc: RpcCaller
  readonly #cache: Pick<KernelCache, 'stamp'>
  readonly #pageMax: number
  /** Where each page met so far starts: its cookie and the name before it. In order. */
  #starts: Start[] = [{ cookie: DOTS, after: '' }]
  #pages: Page[] = []

  constructor(
    rpc: RpcCaller,
    cache: Pick<KernelCache, 'stamp'>,
    inodeId: number,
    path: string,
    pageMax = LIST_PAGE_MAX,
  ) {
    this.#rpc = rpc
    this.#cache = cache
    this.inodeId = inodeId
    this.#path = path
    this.#pageMax = pageMax
  }

  /** Starts anew, as rewinddir(3) asks. */
  rewind(): void {
    this.#starts = [{ cookie: DOTS, after: '' }]
    this.#pages = []
  }

  /**
   * The page with an entry behind a cookie of this handle, or the last page: at once where it is known. Where
   * the next page starts is noted with each page as it is read, since a page that is read again later may
   * hold other entries.
   */
  pageWith(cookie: number): Page | Promise<Page> {
    const kept = this.#pages.find(page => holds(page, cookie))
    if (kept !== undefined) return kept
    const index = this.#starts.findLastIndex(known => known.cookie <= cookie)
    const { cookie: start, after: name } = this.#starts[index] as Start
    const stamp = this.#cache.stamp()
    const listed = ask(this.#rpc, list_, { path: this.#path, after: name, max: this.#pageMax })
    return after(listed, ({ entries, more }) =>
      this.#take({ start, entries, isLast: !more, stamp }, index, cookie),
    )
  }

  /** A page that was read; another one, if what was looked for is not in it any more. */
  #take(page: Page, index: number, cookie: number): Page | Promise<Page> {
    const { start, entries, isLast } = page
    const end = start + entries.length
    const last = entries.at(-1)
    if (last !== undefined && !isLast && this.#starts.length === index + 1) {
      this.#starts.push({ cookie: end, after: last.name })
    }
    if (holds(page, cookie) || last === undefined) {
      this.#pages = [...this.#pages.slice(-1), page]
      return page
    }
    // Entries went away since: what is left of the page ends before the cookie.
    if (end < cookie) this.#starts.splice(index + 1, 0, { cookie, after: last.name })
    return this.pageWith(cookie)
  }
}

function holds(page: Page, cookie: number): boolean {
  return page.start <= cookie && (cookie < page.start + page.entries.length || page.isLast)
}
