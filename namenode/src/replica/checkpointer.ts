/**
 * Keeps the WAL and the log bounded. A worker copies the bulk of the WAL into the database; then, between two
 * transactions, the replica's own connection copies the small rest and truncates it. Only what such a synced
 * checkpoint holds may be cut from the log.
 */
import { statSync } from 'node:fs'
import type { Host } from '@hopbine/common/base/host.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import { Piscina } from 'piscina'
import type { DiskTask } from './disk-work.ts'
import type { Replica } from './replica.ts'

/** WAL size that starts a checkpoint, in bytes. */
const WAL_START_BYTES = 64 * 1024 * 1024
/** Rest of the WAL that the event loop may copy itself, in bytes: some 20 ms. */
const WAL_REST_BYTES = 4 * 1024 * 1024
/** Bound of the WAL, in bytes: beyond it the rest is copied whatever its size, and requests wait for that. */
const WAL_BYTES_MAX = 256 * 1024 * 1024
/** A stop leaves a larger WAL to the next start rather than keep its caller waiting, in bytes. */
const WAL_STOP_BYTES = 16 * 1024 * 1024
const LOOK_MS = 500
/** A quiet shard is checkpointed after so long, so that a restart replays little, in milliseconds. */
const QUIET_MS = 30_000

export class Checkpointer {
  readonly #replica: Replica
  readonly #path: string
  readonly #logger: Logger
  readonly #pool: Piscina
  readonly #host: Host
  readonly #cancel: () => void
  #running: Promise<void> | undefined
  #lastMs: number
  /** Last entry that the database file holds durably, without WAL and log. */
  durableIndex: number

  constructor(replica: Replica, path: string, host: Host, logger: Logger) {
    this.#replica = replica
    this.#path = path
    this.#host = host
    this.#logger = logger
    this.#pool = new Piscina({
      filename: new URL('./disk-work.ts', import.meta.url).href,
      name: 'runDiskTask',
      minThreads: 0,
      maxThreads: 1,
      idleTimeout: 1_000,
    })
    this.#lastMs = host.clock.monotonicMs()
    // Opening replayed and committed; until the first truncation only the log vouches for it.
    this.durableIndex = 0
    this.#cancel = host.timers.every(LOOK_MS, () => this.#look())
  }

  get walBytes(): number {
    return statSync(`${this.#path}-wal`, { throwIfNoEntry: false })?.size ?? 0
  }

  /** A checkpoint is under way: background work that writes much should wait. */
  get isRunning(): boolean {
    return this.#running !== undefined
  }

  /** Checkpoints now, or joins the one that runs. */
  run(): Promise<void> {
    this.#running ??= this.#checkpoint().finally(() => {
      this.#running = undefined
      this.#lastMs = this.#host.clock.monotonicMs()
    })
    return this.#running
  }

  /** Writes a consistent copy of the store to `target`; returns the index it stands for. */
  async copyTo(target: string): Promise<number> {
    this.#replica.commit()
    const index = this.#replica.machine.committedIndex
    const task: DiskTask = { kind: 'copy', path: this.#path, target }
    await this.#pool.run(task)
    return index
  }

  /** Ends the background work. True if the WAL is empty now; else the database is better left unclosed. */
  async stop(): Promise<boolean> {
    this.#cancel()
    await this.#running
    await this.#pool.destroy()
    if (this.walBytes > WAL_STOP_BYTES) return false
    this.truncate()
    return true
  }

  /**
   * Copies what is left and truncates the WAL; the log before it may go then. Blocks for the size of the
   * rest.
   */
  truncate(): void {
    this.#replica.commit()
    const index = this.#replica.machine.committedIndex
    const [result] = this.#replica.state.db.pragma('wal_checkpoint(TRUNCATE)') as [{ busy: number }]
    if (result.busy !== 0) return
    this.durableIndex = index
    this.#replica.cutLog(index)
  }

  #look(): void {
    const { walBytes } = this
    const quiet = this.#host.clock.monotonicMs() - this.#lastMs > QUIET_MS && walBytes > 0
    if (walBytes < WAL_START_BYTES && !quiet) return
    this.run().catch((error: Error) => this.#logger.error({ message: error.message }, 'checkpoint-failed'))
  }

  async #checkpoint(): Promise<void> {
    const task: DiskTask = { kind: 'checkpoint', path: this.#path }
    for (;;) {
      // The file only grows until it is truncated, so its size tells what came meanwhile.
      const before = this.walBytes
      this.#replica.commit()
      await this.#pool.run(task)
      const after = this.walBytes
      if (after - before < WAL_REST_BYTES || after > WAL_BYTES_MAX) break
    }
    this.truncate()
  }
}
