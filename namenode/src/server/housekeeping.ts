/**
 * What the leader does unasked: reclaims removed trees in bounded steps behind the foreground, closes files
 * of vanished writers, forgets idle sessions, watches the free space of its disk.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Host } from '@hopbine/common/base/host.ts'
import { RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { closeSession, expireSessions, reclaim } from '../operations/internal.ts'
import type { WriteOperation } from '../operations/operation.ts'
import type { Replica } from '../replica/replica.ts'
import { diskSpace } from './disk-space.ts'
import type { Writers } from './writers.ts'

/** Rows that one reclaim command takes apart: about 5 ms of the event loop. */
const RECLAIM_ROWS = 512
/** Pause between two reclaim commands while clients wait for writes, in milliseconds. */
const RECLAIM_PAUSE_MS = 10
const LOOK_MS = 100
/** On a small disk the reserve is at most this share of it. */
const RESERVE_SHARE_MAX = 1 / 4
/** Share of the reserve that removals may use up. */
const LAST_RESERVE = 1 / 4
const LEASES_MS = 2_000
const SPACE_MS = 1_000
/**
 * The disk is also looked at when the log has grown by this share of what is free beyond the reserve, or by
 * so many bytes: between two looks in time a fast writer could use up the reserve itself.
 */
const SPACE_SHARE = 1 / 8
const SPACE_BYTES_MIN = 1024 * 1024
/**
 * A session without leases is forgotten when it wrote nothing for so long, in seconds: far longer than any
 * client goes on retrying a write.
 */
const SESSION_IDLE_SECONDS = 600
/** Sessions forgotten by one command. */
const EXPIRE_MAX = 1000

export interface HousekeepingOptions {
  readonly replica: Replica
  readonly writers: Writers
  readonly host: Host
  readonly logger: Logger
  /** While it is true, reclaim waits: what it writes would only lengthen the checkpoint. */
  readonly isCheckpointing: () => boolean
  /** Folder whose disk must keep room. */
  readonly folder: string
  /** Writes are refused while less is free, in bytes; a quarter of it is kept for those that free space. */
  readonly reserveBytes: number
}

export class Housekeeping {
  readonly #options: HousekeepingOptions
  readonly #cancels: (() => void)[]
  readonly #startedMs: number
  #reclaiming = false
  #stopped = false
  /** Empty, or why writes are refused. */
  readOnlyReason = ''
  #nothingLeft = false
  #isLooking = false
  /** The disk is looked at when the log has appended so much. */
  #lookAtBytes = 0

  constructor(options: HousekeepingOptions) {
    this.#options = options
    this.#startedMs = options.host.clock.monotonicMs()
    const { timers } = options.host
    this.#cancels = [
      timers.every(LOOK_MS, () => this.#reclaim()),
      timers.every(LEASES_MS, () => this.#leases()),
      timers.every(SPACE_MS, () => this.#guard('free-space-unknown', this.checkSpace())),
    ]
  }

  /**
   * Throws NO_SPACE when the disk has no room for this write. `isAwaited`: others wait for it, so it may use
   * what is kept for writes that free space.
   */
  requireSpace(operation: WriteOperation, isAwaited = false): void {
    if (this.#options.replica.log.appendedBytes >= this.#lookAtBytes && !this.#isLooking) {
      this.#isLooking = true
      this.#guard('free-space-unknown', this.checkSpace())
    }
    if (this.readOnlyReason === '' || ((operation.frees || isAwaited) && !this.#nothingLeft)) return
    throw new FsError('NO_SPACE', this.readOnlyReason)
  }

  stop(): void {
    this.#stopped = true
    for (const cancel of this.#cancels) cancel()
  }

  async checkSpace(): Promise<void> {
    const { folder, logger, replica } = this.#options
    const { free, total } = await diskSpace(folder).finally(() => (this.#isLooking = false))
    const reserveBytes = Math.min(this.#options.reserveBytes, total * RESERVE_SHARE_MAX)
    const reason =
      free >= reserveBytes
        ? ''
        : `the disk of ${folder} has ${free} bytes left, writes need ${reserveBytes}: free some space`
    if (reason !== this.readOnlyReason)
      logger.warn({ free, reserveBytes }, reason === '' ? 'writes-on' : 'writes-off')
    this.readOnlyReason = reason
    this.#nothingLeft = free < reserveBytes * LAST_RESERVE
    const growth = Math.max(SPACE_BYTES_MIN, (free - reserveBytes) * SPACE_SHARE)
    this.#lookAtBytes = replica.log.appendedBytes + growth
  }

  #reclaim(): void {
    const { state } = this.#options.replica
    const waiting = state.directories.children[state.directories.slotOf(RECLAIM_INODE)] as number
    if (waiting === 0 || this.#reclaiming || this.#stopped) return
    this.#reclaiming = true
    this.#guard(
      'reclaim-failed',
      this.#reclaimAll().finally(() => (this.#reclaiming = false)),
    )
  }

  async #reclaimAll(): Promise<void> {
    const { replica, host, isCheckpointing } = this.#options
    for (let left = 1; left > 0 && !this.#stopped; ) {
      ;({ left } = await replica.proposeOwn<{ left: number }>(reclaim, { max: RECLAIM_ROWS }))
      do {
        if (replica.pending === 0 && !isCheckpointing()) break
        await new Promise<void>(resolve => host.timers.after(RECLAIM_PAUSE_MS, resolve))
      } while (isCheckpointing() && !this.#stopped)
    }
  }

  #leases(): void {
    const { replica, writers, host } = this.#options
    for (const clientId of writers.dead()) {
      this.#guard('close-session-failed', replica.proposeOwn(closeSession, { clientId }))
    }
    writers.trim()
    // Clients that waited for this namenode to come back have yet to ask for their answers.
    if (host.clock.monotonicMs() - this.#startedMs < SESSION_IDLE_SECONDS * 1000) return
    const seconds = host.clock.wall().seconds - SESSION_IDLE_SECONDS
    const clientIds = replica.state.sessions.idleSince(seconds, EXPIRE_MAX)
    if (clientIds.length > 0) {
      this.#guard('expire-failed', replica.proposeOwn(expireSessions, { clientIds, seconds }))
    }
  }

  /** Background work that fails is tried again at the next look; the log tells why. */
  #guard(event: string, work: Promise<unknown>): void {
    work.catch((error: Error) => this.#options.logger.warn({ message: error.message }, event))
  }
}
