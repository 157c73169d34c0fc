/**
 * The change feed as an async iterator: what was committed, in the order of the log, and then what will be.
 * It keeps no cursor; the caller goes on from the `index` it has dealt with.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { CHANGES_PAGE_MAX } from '@hopbine/common/base/limits.ts'
import { changes } from '@hopbine/common/protocol/metadata.ts'
import type { ChangeEvent } from '@hopbine/common/protocol/types.ts'
import type { ChangesOptions } from './options.ts'
import type { Session } from './session.ts'

/** How long the namenode may wait for a change before it answers that there is none, in milliseconds. */
const WAIT_MS = 10_000

/**
 * Goes on until it is left, or its signal is aborted. STALE when changes from `from` on are no longer kept.
 */
export async function* followChanges(session: Session, options: ChangesOptions): AsyncGenerator<ChangeEvent> {
  const { signal } = options
  for (let from = options.from, isFirst = true; ; isFirst = false) {
    const request = { from, max: CHANGES_PAGE_MAX, waitMs: WAIT_MS }
    const { events, next, oldest } = await session.rpc.call(changes, request, { signal })
    if (from < oldest && !(isFirst && from === 0)) {
      throw new FsError('STALE', `changes before ${oldest} are no longer kept`, { oldest })
    }
    yield* events
    from = next
  }
}
