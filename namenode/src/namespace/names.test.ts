import t from 'tap'
import { checkName, checkPath } from './names.ts'

t.test('a name is 1 to 255 bytes of UTF-8', async t => {
  for (const name of [
    'a',
    'x'.repeat(255),
    'ä'.repeat(127),
    '\u{1f600}'.repeat(63),
    ' ',
    '...',
    'a\nb',
    '\u0001',
  ]) {
    t.doesNotThrow(() => checkName(name), name)
  }
  for (const name of ['x'.repeat(256), 'ä'.repeat(128), '\u{1f600}'.repeat(64), '漢'.repeat(86)]) {
    t.throws(() => checkName(name), { code: 'NAME_TOO_LONG', errno: 'ENAMETOOLONG' })
  }
})

t.test('nothing, a dot, two dots, a slash and NUL are no names', async t => {
  for (const name of ['', '.', '..', 'a/b', '/', 'a\0b', '\0']) {
    t.throws(() => checkName(name), { code: 'INVALID_NAME', errno: 'EINVAL' }, JSON.stringify(name))
  }
})

t.test('a path starts at the root and has at most 4,096 bytes', async t => {
  t.doesNotThrow(() => checkPath('/'))
  t.doesNotThrow(() => checkPath(`/${'x'.repeat(4095)}`))
  t.throws(() => checkPath(`/${'x'.repeat(4096)}`), { code: 'NAME_TOO_LONG' })
  t.throws(() => checkPath(`/${'ä'.repeat(2048)}`), { code: 'NAME_TOO_LONG' })
  for (const path of ['', 'a', './a', '\0']) {
    t.throws(() => checkPath(path), { code: 'INVALID_ARGUMENT' }, JSON.stringify(path))
  }
})
