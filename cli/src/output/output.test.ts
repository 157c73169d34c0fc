import t from 'tap'
import { modeText, octalText } from './modes.ts'
import { Progress } from './progress.ts'
import { quoted } from './shell-word.ts'
import { humanSize } from './sizes.ts'
import { durationText } from './spans.ts'
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

t.test('spans of time show their two largest units', async t => {
  const cases: ReadonlyArray<readonly [ms: number, text: string]> = [
    [0, '0.0 s'],
    [440, '0.4 s'],
    [59_600, '1 min'],
    [302_000, '5 min 2 s'],
    [3_600_000, '1 h'],
    [273_600_000, '3 d 4 h'],
  ]
  for (const [ms, text] of cases) t.equal(durationText(ms), text)
})

t.test('progress tells files, bytes, rate, and the time left once all is counted', async t => {
  const progress = new Progress()
  progress.bytes = 1024
  progress.bytesTotal = 4096
  progress.files = 1
  t.match(progress.text(), /^1 files, 1 KB of 4 KB, [\d.]+ ?[KMG]?B\/s$/)
  progress.filesTotal = 3
  progress.isCounted = true
  t.match(progress.text(), /^1\/3 files, 1 KB of 4 KB, .*B\/s, [\d.]+ s left$/)
})

t.test('words for a shell are quoted where they must be', async t => {
  t.equal(quoted('/a/b-c_d.txt'), '/a/b-c_d.txt')
  t.equal(quoted("it's here"), `'it'\\''s here'`)
})
