/** Text as programs have it, and how much of it a file holds, from a seed. */
import type { SeededRandom } from '../load/random.ts'

const MEDIAN_BYTES = 2_500
const SIZE_SPREAD = 1.3
const FILE_BYTES_MAX = 512 * 1024
const WORDS =
  'const return import from export function interface readonly string number if else for of let await'

/** Lognormal: the sum of twelve uniform numbers less six is close to a normal one. */
export function sizeOf(random: SeededRandom): number {
  let normal = -6
  for (let time = 0; time < 12; time++) normal += random.fraction()
  return Math.min(FILE_BYTES_MAX, Math.round(MEDIAN_BYTES * Math.exp(SIZE_SPREAD * normal)))
}

export function textOf(random: SeededRandom, bytes: number): string {
  const words = WORDS.split(' ')
  const lines: string[] = []
  for (let length = 0; length < bytes; ) {
    const chosen = Array.from({ length: 6 }, () => words[random.below(words.length)])
    const line = `  ${chosen.join(' ')} ${random.word().toString(36)}\n`
    lines.push(line)
    length += line.length
  }
  return lines.join('').slice(0, bytes)
}
