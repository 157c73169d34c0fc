/** Reads the modes of `-chmod`: octal (`750`, `1777`) or symbolic (`u+x,go-w,a=rX,+t`). Pure. */

/** The new permission bits from the old ones. */
export type ModeChange = (mode: number, isDirectory: boolean) => number

const READ = 0o444
const WRITE = 0o222
const EXECUTE = 0o111
const WHO_BITS: Readonly<Record<string, number>> = { u: 0o700, g: 0o070, o: 0o007, a: 0o777 }
const SET_BITS: Readonly<Record<string, number>> = { u: 0o4000, g: 0o2000, a: 0o6000, o: 0 }
const STICKY = 0o1000

/** Undefined for a text that is no mode. `umask` limits a clause that names nobody (`+w`). */
export function parseMode(text: string, umask = 0o022): ModeChange | undefined {
  if (/^[01]?[0-7]{3}$/.test(text) || /^[0-7]{4}$/.test(text)) {
    const mode = Number.parseInt(text, 8)
    return () => mode
  }
  const clauses = text.split(',').map(clause => parseClause(clause, umask))
  if (clauses.some(clause => clause === undefined)) return undefined
  return (mode, isDirectory) =>
    clauses.reduce((current, clause) => clause?.(current, isDirectory) ?? current, mode)
}

function parseClause(text: string, umask: number): ModeChange | undefined {
  const found = /^(?<who>[ugoa]*)(?<actions>([-+=][rwxXst]*)+)$/.exec(text)?.groups
  if (found === undefined) return undefined
  const { who = '', actions = '' } = found
  const steps = [...actions.matchAll(/([-+=])([rwxXst]*)/g)]
  return (mode, isDirectory) =>
    steps.reduce((current, [, sign, letters]) => {
      const bits = bitsOf(who, letters ?? '', current, isDirectory, umask)
      if (sign === '+') return current | bits
      if (sign === '-') return current & ~bits
      return (current & ~clearedBy(who)) | bits
    }, mode)
}

function bitsOf(who: string, letters: string, mode: number, isDirectory: boolean, umask: number): number {
  const people = [...(who === '' ? 'a' : who)]
  let bits = 0
  for (const letter of letters) {
    if (letter === 'r') bits |= READ
    if (letter === 'w') bits |= WRITE
    if (letter === 'x') bits |= EXECUTE
    // X: execute for directories, and where somebody may execute already.
    if (letter === 'X' && (isDirectory || (mode & EXECUTE) !== 0)) bits |= EXECUTE
  }
  const mask = people.reduce((all, person) => all | (WHO_BITS[person] ?? 0), 0)
  bits &= who === '' ? mask & ~umask : mask
  if (letters.includes('s')) for (const person of people) bits |= SET_BITS[person] ?? 0
  if (letters.includes('t') && (who === '' || /[oa]/.test(who))) bits |= STICKY
  return bits
}

/** What `=` takes away before it gives. */
function clearedBy(who: string): number {
  if (who === '' || who.includes('a')) return 0o7777
  let bits = who.includes('o') ? STICKY : 0
  for (const person of who) bits |= (WHO_BITS[person] ?? 0) | (SET_BITS[person] ?? 0)
  return bits
}
