/** Spans of time as text for people. */

const UNITS = [
  ['d', 86_400],
  ['h', 3_600],
  ['min', 60],
  ['s', 1],
] as const

/** The two largest units: `3 d 4 h`, `5 min 2 s`, `0.4 s`. */
export function durationText(ms: number): string {
  const seconds = ms / 1000
  if (seconds < 10) return `${seconds.toFixed(1)} s`
  const whole = Math.round(seconds)
  const first = UNITS.findIndex(([, size]) => whole >= size)
  const [name, size] = UNITS[first] ?? UNITS[3]
  const next = UNITS[first + 1]
  const head = `${Math.floor(whole / size)} ${name}`
  if (next === undefined) return head
  const rest = Math.floor((whole % size) / next[1])
  return rest === 0 ? head : `${head} ${rest} ${next[0]}`
}
