/**
 * Bytes for tests: cheap to make, different at every place, the same for the same place. It keeps no state.
 */

/** Bytes of an endless pattern from `offset` on; no two megabytes of it are equal. */
export function patternAt(offset: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length)
  for (let at = 0; at < length; ) {
    const absolute = offset + at
    const word = Math.floor(absolute / 4)
    // Knuth's multiplicative hash of the word's number.
    const value = Math.imul(word + 1, 2_654_435_761) >>> 0
    for (let byte = absolute % 4; byte < 4 && at < length; byte++, at++) {
      bytes[at] = (value >>> (byte * 8)) & 0xff
    }
  }
  return bytes
}

/** The pattern from 0 up to `length`, in chunks of the sizes given in turn. */
export function* patternChunks(length: number, sizes: readonly number[]): Generator<Buffer> {
  let at = 0
  for (let turn = 0; at < length; turn++) {
    const size = Math.min(sizes[turn % sizes.length] as number, length - at)
    yield patternAt(at, size)
    at += size
  }
}
