/**
 * Versions of a file's content, as the kernel's pages were read from it. The kernel drops its pages by itself
 * when size or modification time are not what it knew; a change that kept both (bytes of the same length, and
 * the old time set again) shows in the change time only, which the kernel does not compare.
 */
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'

/** Changes whenever the content does, and with some changes of attributes. */
export function versionOf(status: WireStatus): string {
  const { size, mtime, mtimeNs, ctime, ctimeNs } = status
  return `${size} ${mtime}.${mtimeNs} ${ctime}.${ctimeNs}`
}

/** Whether the kernel takes two versions for one. */
export function lookAlike(one: string, other: string): boolean {
  return one !== other && seenOf(one) === seenOf(other)
}

function seenOf(version: string): string {
  return version.slice(0, version.lastIndexOf(' '))
}
