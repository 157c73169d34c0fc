/** Byte counts as people and Hadoop's configuration write them. */
const STEPS = ['', 'k', 'm', 'g', 't', 'p']

/** `512`, `64m`, `10g`; undefined for anything else. */
export function parseByteCount(text: string): number | undefined {
  const found = /^(?<number>\d+)(?<prefix>[kmgtp]?)b?$/i.exec(text)?.groups
  if (found === undefined) return undefined
  const bytes = Number(found.number) * 1024 ** STEPS.indexOf((found.prefix ?? '').toLowerCase())
  return Number.isSafeInteger(bytes) ? bytes : undefined
}
