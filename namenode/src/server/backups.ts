/**
 * Copies of the store that operators download piece by piece. A copy nobody asks about is removed after a
 * while.
 */
import { randomUUID } from 'node:crypto'
import { mkdirSync, rmSync } from 'node:fs'
import { open, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError } from '@hopbine/common/base/errors.ts'
import type { Timers } from '@hopbine/common/base/host.ts'
import type { Checkpointer } from '../replica/checkpointer.ts'

/** Copies at a time; more: BUSY. */
const BACKUPS_MAX = 2
/** Bytes in one answer. */
const PIECE_BYTES_MAX = 1024 * 1024
const FORGET_MS = 10 * 60_000

interface Backup {
  readonly path: string
  cancel: () => void
}

export class Backups {
  readonly #folder: string
  readonly #checkpointer: Checkpointer
  readonly #timers: Timers
  readonly #backups = new Map<string, Backup>()

  constructor(folder: string, checkpointer: Checkpointer, timers: Timers) {
    this.#folder = folder
    this.#checkpointer = checkpointer
    this.#timers = timers
    // What an earlier process left is of no use to anyone.
    rmSync(folder, { recursive: true, force: true })
  }

  async begin(): Promise<{ backupId: string; sizeBytes: number; index: number }> {
    if (this.#backups.size >= BACKUPS_MAX)
      throw new FsError('BUSY', `${BACKUPS_MAX} backups are open already`)
    const backupId = randomUUID()
    const path = join(this.#folder, backupId)
    mkdirSync(this.#folder, { recursive: true })
    this.#backups.set(backupId, { path, cancel: () => undefined })
    try {
      const index = await this.#checkpointer.copyTo(path)
      const { size } = await stat(path)
      this.#keep(backupId)
      return { backupId, sizeBytes: size, index }
    } catch (error) {
      this.end(backupId)
      throw error
    }
  }

  async read(backupId: string, offset: number, length: number): Promise<Buffer> {
    const backup = this.#keep(backupId)
    const handle = await open(backup.path, 'r')
    try {
      const piece = Buffer.alloc(Math.min(length, PIECE_BYTES_MAX))
      const { bytesRead } = await handle.read(piece, 0, piece.length, offset)
      return piece.subarray(0, bytesRead)
    } finally {
      await handle.close()
    }
  }

  end(backupId: string): void {
    const backup = this.#backups.get(backupId)
    if (backup === undefined) return
    backup.cancel()
    this.#backups.delete(backupId)
    rmSync(backup.path, { force: true })
  }

  #keep(backupId: string): Backup {
    const backup = this.#backups.get(backupId)
    if (backup === undefined) throw new FsError('NOT_FOUND', `backup ${backupId} is not open: begin anew`)
    backup.cancel()
    backup.cancel = this.#timers.after(FORGET_MS, () => this.end(backupId))
    return backup
  }
}
