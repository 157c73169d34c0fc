/** Makes the bytes of a file durable, or the names in a folder that were added, replaced or removed. */
import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Done when it returns. Throws the disk's error. */
export function syncPath(path: string): void {
  const fd = openSync(path, 'r')
  try {
    fsyncSync(fd)
  } finally {
    closeSync(fd)
  }
}
