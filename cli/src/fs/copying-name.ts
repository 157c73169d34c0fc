/** The name that a file has while it is being copied, in the filesystem and on this machine. */
import { createHash } from 'node:crypto'
import { NAME_BYTES_MAX } from '@hopbine/common/base/limits.ts'

const ENDING = '._COPYING_'
const DIGEST_CHARACTERS = 16

/** `PATH._COPYING_`; of a name that leaves no room for this, the beginning and a digest. Always the same. */
export function copyingPath(path: string): string {
  const start = path.lastIndexOf('/') + 1
  const name = path.slice(start)
  if (Buffer.byteLength(name) + ENDING.length <= NAME_BYTES_MAX) return `${path}${ENDING}`
  const room = NAME_BYTES_MAX - ENDING.length - DIGEST_CHARACTERS - 1
  const digest = createHash('sha256').update(name).digest('hex').slice(0, DIGEST_CHARACTERS)
  return `${path.slice(0, start)}${beginning(name, room)}.${digest}${ENDING}`
}

/** The name without the ending; a shortened one stays unknown: undefined. */
export function originalName(name: string): string | undefined {
  if (!name.endsWith(ENDING)) return name
  const original = name.slice(0, -ENDING.length)
  return /\.[0-9a-f]{16}$/.test(original) && Buffer.byteLength(name) > NAME_BYTES_MAX - 4
    ? undefined
    : original
}

/** As many whole characters as fit into so many bytes. */
function beginning(text: string, bytes: number): string {
  let length = 0
  let used = 0
  for (const character of text) {
    used += Buffer.byteLength(character)
    if (used > bytes) break
    length += character.length
  }
  return text.slice(0, length)
}
