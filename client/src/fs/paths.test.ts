import t from 'tap'
import { baseName, checkedName, joinPath, parentPath, resolvePath } from './paths.ts'

t.test('paths are made absolute and normal', async t => {
  const cases: Record<string, string> = {
    '/': '/',
    '//a///b/': '/a/b',
    '/a/./b/../c': '/a/c',
    '/../..': '/',
    'data/x': '/user/ann/data/x',
    '.': '/user/ann',
    '../bob': '/user/bob',
    '/grüße/日本': '/grüße/日本',
  }
  for (const [path, resolved] of Object.entries(cases)) t.equal(resolvePath('/user/ann', path), resolved)
})

t.test('names and paths that no server would take are refused with its codes', async t => {
  const refuse = (path: string, code: string): void => {
    t.throws(() => resolvePath('/user/ann', path), { code })
  }
  refuse('', 'INVALID_NAME')
  refuse('/a\0b', 'INVALID_NAME')
  refuse('/a\ud800', 'INVALID_NAME')
  refuse(`/${'n'.repeat(256)}`, 'NAME_TOO_LONG')
  refuse(`/${'ü'.repeat(128)}`, 'NAME_TOO_LONG')
  refuse(`/${'abc/'.repeat(1100)}`, 'NAME_TOO_LONG')
  t.equal(resolvePath('/', `/${'n'.repeat(255)}`).length, 256)
  for (const name of ['', '.', '..', 'a/b']) t.throws(() => checkedName(name), { code: 'INVALID_NAME' })
})

t.test('parents, joins and last names agree', async t => {
  t.equal(parentPath('/a/b'), '/a')
  t.equal(parentPath('/a'), '/')
  t.equal(parentPath('/'), '/')
  t.equal(joinPath('/', 'a'), '/a')
  t.equal(joinPath('/a', 'b'), '/a/b')
  t.equal(baseName('/a/b'), 'b')
  t.equal(baseName('/'), '')
})
