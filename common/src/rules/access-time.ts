/** When reading moves an access time: relatime(8), as Linux mounts by default. */

export interface Times {
  readonly atime: number
  readonly atimeNs: number
  readonly mtime: number
  readonly mtimeNs: number
  readonly ctime: number
  readonly ctimeNs: number
}

const DAY_SECONDS = 86_400

/**
 * Whether a read at that moment moves it: when it is not later than the last change, or a day old. It never
 * moves back.
 */
export function movesAccessTime(times: Times, seconds: number, nanos: number): boolean {
  const { atime, atimeNs, mtime, mtimeNs, ctime, ctimeNs } = times
  if (!isBefore(atime, atimeNs, seconds, nanos)) return false
  if (!isBefore(mtime, mtimeNs, atime, atimeNs) || !isBefore(ctime, ctimeNs, atime, atimeNs)) return true
  return seconds - atime >= DAY_SECONDS
}

function isBefore(seconds: number, nanos: number, laterSeconds: number, laterNanos: number): boolean {
  return seconds === laterSeconds ? nanos < laterNanos : seconds < laterSeconds
}
