/**
 * What a person is told about an error: one sentence for what can happen in the life of a system, nothing
 * for a defect of ours, which keeps its stack.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { CommandError } from '../exit.ts'

/** Undefined for an error that nobody foresaw. */
export function sentenceOf(error: unknown): string | undefined {
  if (error instanceof CommandError || error instanceof FsError) return error.message
  if (!(error instanceof Error)) return undefined
  const { code, path } = error as NodeJS.ErrnoException
  if (code === 'EADDRINUSE') return portSentence(error)
  if (code?.startsWith('SQLITE_')) return storeSentence(error.message, code)
  const words = code === undefined ? undefined : SYSTEM_WORDS[code]
  if (words === undefined) return undefined
  return path === undefined ? `${words} (${error.message})` : `${path}: ${words}`
}

/** Failures of the operating system that a user can mend. */
const SYSTEM_WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  EROFS: 'the filesystem is read-only',
  ENOSPC: 'no space left on the disk',
  EDQUOT: 'the disk quota is used up',
  ENOENT: 'no such file or directory',
  EEXIST: 'the name is taken',
  ENOTDIR: 'a part of the path is not a directory',
  EISDIR: 'is a directory',
  ENOTEMPTY: 'the directory is not empty',
  ELOOP: 'too many symbolic links',
  ENAMETOOLONG: 'the name is too long',
  EMFILE: 'too many open files: raise the limit with `ulimit -n`',
  ENFILE: 'the machine has too many open files',
  EADDRNOTAVAIL: 'this machine has no such address',
}

/** By the start of SQLite's code. */
const STORE_WORDS: Readonly<Record<string, string>> = {
  SQLITE_CORRUPT: 'the store of the metadata is damaged: put a backup in place with `hopbine admin restore`',
  SQLITE_NOTADB: 'the store of the metadata is damaged: put a backup in place with `hopbine admin restore`',
  SQLITE_FULL: 'the disk has no room for the store of the metadata',
  SQLITE_CANTOPEN: 'the store of the metadata cannot be opened: see to permissions and open files',
  SQLITE_READONLY: 'the store of the metadata cannot be written: see to permissions and mounts',
  SQLITE_IOERR: 'the disk of the store of the metadata fails',
}

function storeSentence(message: string, code: string): string | undefined {
  const words = Object.entries(STORE_WORDS).find(([start]) => code.startsWith(start))?.[1]
  return words === undefined ? undefined : `${words} (SQLite: ${message})`
}

function portSentence(error: Error): string {
  const { address, port } = error as { address?: string; port?: number }
  const where =
    port === undefined ? (address ?? 'an address') : `port ${port} of ${address ?? 'this machine'}`
  return `${where} is taken: choose another one, or stop who listens there`
}
