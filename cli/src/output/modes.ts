/** Permission bits as text. */

/** `rwxr-xr-t`: nine letters; set-uid and set-gid show as `s`, sticky as `t`. */
export function modeText(mode: number): string {
  const letters = [...'rwxrwxrwx'].map((letter, index) => ((mode & (0o400 >> index)) === 0 ? '-' : letter))
  if ((mode & 0o4000) !== 0) letters[2] = letters[2] === 'x' ? 's' : 'S'
  if ((mode & 0o2000) !== 0) letters[5] = letters[5] === 'x' ? 's' : 'S'
  if ((mode & 0o1000) !== 0) letters[8] = letters[8] === 'x' ? 't' : 'T'
  return letters.join('')
}

/** `755`, or `1777` where a special bit is set. */
export function octalText(mode: number): string {
  return mode.toString(8).padStart(3, '0')
}
