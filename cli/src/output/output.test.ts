import t from 'tap'
import { modeText, octalText } from './modes.ts'
import { humanSize } from './sizes.ts'
import { tableLines } from './table.ts'
import { checkpointName, minuteText, secondText, utcText } from './times.ts'

t.test('sizes read as in Hadoop', async t => {
  const cases: ReadonlyArray<readonly [bytes: number, text: string]> = [
    [0, '0'],
    [1023, '1023'],
    [1024, '1 K'],
    [1536, '1.5 K'],
    [1_048_575, '1.0 M'],
    [1_048_576, '1 M'],
    [134_217_728, '128 M'],
    [5 * 1024 ** 4 + 1, '5.0 T'],
    [2 ** 52, '4 P'],
  ]
  for (const [bytes, text] of cases) t.equal(humanSize(bytes), text)
})

t.test('permission bits read as letters and digits', async t => {
  const cases: ReadonlyArray<readonly [mode: number, letters: string, digits: string]> = [
    [0o755, 'rwxr-xr-x', '755'],
    [0o640, 'rw-r-----', '640'],
    [0, '---------', '000'],
    [0o1777, 'rwxrwxrwt', '1777'],
    [0o1776, 'rwxrwxrwT', '1776'],
    [0o6755, 'rwsr-sr-x', '6755'],
    [0o6644, 'rwSr-Sr--', '6644'],
  ]
  for (const [mode, letters, digits] of cases) {
    t.equal(modeText(mode), letters)
    t.equal(octalText(mode), digits)
  }
})

t.test('tables pad columns to their widest cell', async t => {
  const rows = [
    ['a', '10', 'x'],
    ['bcd', '5', 'longer'],
  ]
  t.strictSame(tableLines(rows, ['left', 'right', 'left']), ['a    10  x', 'bcd   5  longer'])
  t.strictSame(tableLines([], ['left']), [])
})

t.test('times have fixed forms', async t => {
  const date = new Date(2026, 0, 2, 3, 4, 5)
  t.equal(secondText(date), '2026-01-02 03:04:05')
  t.equal(checkpointName(date), '260102030405')
  t.equal(minuteText({ seconds: date.getTime() / 1000, nanos: 0 }), '2026-01-02 03:04')
  t.equal(utcText({ seconds: 86_399, nanos: 999 }), '1970-01-01 23:59:59')
})
