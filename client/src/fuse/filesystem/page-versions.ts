/**
 * Versions of a file's content, as the kernel's pages were read from it. The kernel drops its pages by itself
 * when size or modification time are not what it knew; a change that kept both (bytes of the same length, and
 * the old time set again) shows in the change time only, which the kernel does not compare.
 *
 * Versions are hashes: of two different ones, one in 2^53 counts as the same.
 */
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import { hashOf } from './hashes.ts'

/** A version that is not known. */
export const NO_VERSION = 0

/** Changes whenever the content does, and with some changes of attributes. Never NO_VERSION. */
export function versionOf({ size, mtime, mtimeNs, ctime, ctimeNs }: WireStatus): number {
  return hashOf(size, mtime, mtimeNs, ctime, ctimeNs)
}

/** What of it the kernel sees. Never NO_VERSION. */
export function seenVersionOf({ size, mtime, mtimeNs }: WireStatus): number {
  return hashOf(size, mtime, mtimeNs)
}
