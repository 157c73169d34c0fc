/** CRC32C (Castagnoli, RFC 3720 appendix B.4), continued from an earlier value when one is given. */
import { crc32c as native } from '@node-rs/crc32'

export function crc32c(bytes: Uint8Array, previous = 0): number {
  return native(bytes as Buffer, previous)
}
