/**
 * Handles that the kernel holds: numbers for open files and open directories. Bounded; beyond it opens
 * fail.
 */
import { PosixError } from '../session/errno.ts'
import type { DirectoryReader } from './directory-reader.ts'
import type { OpenFile } from './open-file.ts'

export interface FileHandleRow {
  readonly kind: 'file'
  readonly file: OpenFile
  readonly isWritable: boolean
  /** Every write goes to the end, and past the kernel's pages. */
  readonly isAppending: boolean
  /** Of handles that can be mapped to write: whether others have the file open so, too. */
  readonly isShared: Promise<boolean> | undefined
}

export interface DirectoryHandleRow {
  readonly kind: 'directory'
  readonly reader: DirectoryReader
}

/** Open files and directories of one mount; more: ENFILE. */
const HANDLES_MAX = 1_000_000

export class HandleTable {
  readonly #rows = new Map<number, FileHandleRow | DirectoryHandleRow>()
  #next = 1

  get count(): number {
    return this.#rows.size
  }

  add(row: FileHandleRow | DirectoryHandleRow): number {
    if (this.#rows.size >= HANDLES_MAX) throw new PosixError('ENFILE', 'the mount has too many open files')
    const handle = this.#next++
    this.#rows.set(handle, row)
    return handle
  }

  file(handle: number): FileHandleRow {
    const row = this.#rows.get(handle)
    if (row?.kind !== 'file') throw new PosixError('EBADF', `no open file ${handle}`)
    return row
  }

  directory(handle: number): DirectoryReader {
    const row = this.#rows.get(handle)
    if (row?.kind !== 'directory') throw new PosixError('EBADF', `no open directory ${handle}`)
    return row.reader
  }

  remove(handle: number): void {
    this.#rows.delete(handle)
  }
}
