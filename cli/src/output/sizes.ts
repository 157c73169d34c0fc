/** Byte counts as text, the way Hadoop's shell writes them: powers of 1,024, one digit after the point. */

const PREFIXES = ['', 'K', 'M', 'G', 'T', 'P', 'E']

/** `1536` → `1.5 K`; an exact multiple has no fraction; below 1,024 there is no prefix. */
export function humanSize(bytes: number): string {
  let step = 0
  let scaled = bytes
  while (scaled >= 1024 && step < PREFIXES.length - 1) {
    scaled /= 1024
    step += 1
  }
  if (step === 0) return String(bytes)
  const text = Number.isInteger(scaled) ? String(scaled) : scaled.toFixed(1)
  // 1,048,575 rounds to 1024.0 K, which is 1 M to a reader.
  if (text === '1024.0' && step < PREFIXES.length - 1) return `1.0 ${PREFIXES[step + 1]}`
  return `${text} ${PREFIXES[step]}`
}

/** The form that `human` asks for. */
export function sizeText(bytes: number, human: boolean): string {
  return human ? humanSize(bytes) : String(bytes)
}
