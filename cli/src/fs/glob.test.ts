import t from 'tap'
import {
  alternativesOf,
  expandPattern,
  type GlobTree,
  isPattern,
  nameMatcher,
  withoutEscapes,
} from './glob.ts'

/** A tree of paths without the leading slash; directories are implied by what lies in them. */
function treeOf(paths: readonly string[]): GlobTree<string> {
  const all = new Set(['/'])
  for (const path of paths) {
    const names = path.split('/')
    for (let depth = 1; depth <= names.length; depth++) all.add(`/${names.slice(0, depth).join('/')}`)
  }
  return {
    async *entries(folder) {
      const prefix = folder === '/' || folder === '' ? '/' : `/${folder.replace(/^\//, '')}/`
      for (const path of all) {
        const name = path.slice(prefix.length)
        if (path.startsWith(prefix) && name !== '' && !name.includes('/')) yield { name, entry: path }
      }
    },
    find: async path => (all.has(`/${path.replace(/^\//, '')}`) ? path : undefined),
  }
}

const tree = treeOf([
  'a/x.csv',
  'a/y.csv',
  'a/y.txt',
  'b/x.csv',
  'b/deep/z.csv',
  '.hidden',
  'a*b',
  'day-01',
  'day-12',
])

async function expand(pattern: string): Promise<string[]> {
  return (await expandPattern(tree, pattern)).map(match => match.path)
}

t.test('patterns match names in every part of a path, sorted and once', async t => {
  const cases: ReadonlyArray<readonly [pattern: string, paths: string[]]> = [
    ['/a/*.csv', ['/a/x.csv', '/a/y.csv']],
    ['/*/x.csv', ['/a/x.csv', '/b/x.csv']],
    ['/[ab]/?.csv', ['/a/x.csv', '/a/y.csv', '/b/x.csv']],
    ['/[^a]/x.csv', ['/b/x.csv']],
    ['/day-[0-9][1-1]', ['/day-01']],
    ['/{a,b/deep}/*.csv', ['/a/x.csv', '/a/y.csv', '/b/deep/z.csv']],
    ['/{a,a}/y.{csv,txt}', ['/a/y.csv', '/a/y.txt']],
    ['/a\\*b', ['/a*b']],
    ['/a*', ['/a', '/a*b']],
    ['/.h*', ['/.hidden']],
    ['a/y.*', ['a/y.csv', 'a/y.txt']],
    ['/nothing*', []],
    ['/a/x.csv/*', []],
    ['//a//y.t?t/', ['/a/y.txt']],
  ]
  for (const [pattern, paths] of cases) t.strictSame(await expand(pattern), paths, pattern)
})

t.test('characters that mean something to regular expressions are plain', async t => {
  for (const letter of ['.', '+', '(', ')', '^', '$', '|', '-', '}', ']']) {
    t.ok(nameMatcher(`a${letter}*`)(`a${letter}b`), letter)
    t.notOk(nameMatcher(`a${letter}`)('ab'), letter)
  }
  t.ok(nameMatcher('[]]')(']'))
  t.ok(nameMatcher('[a-]')('-'))
  t.ok(nameMatcher('?')('😀'), 'a character outside the first plane is one')
  t.ok(nameMatcher('*')('a\nb'))
})

t.test('alternatives may be nested', async t => {
  t.strictSame(alternativesOf('a{b,c{d,e}}f'), ['abf', 'acdf', 'acef'])
  t.strictSame(alternativesOf('{,x}y'), ['y', 'xy'])
  t.strictSame(alternativesOf('a\\{b,c}'), ['a\\{b,c}'])
})

t.test('a malformed pattern is refused, an escaped one is plain text', async t => {
  await t.rejects(expand('/a/[x'), { message: "`[x': Illegal file pattern: Unclosed character class" })
  await t.rejects(expand('/{a,b'), { message: /Unclosed group/ })
  await t.rejects(expand('/[b-a]'), { message: /Illegal file pattern/ })
  await t.rejects(expand('{a,b}'.repeat(13)), { message: /over 4096 alternatives/ })
  t.ok(isPattern('a\\*'))
  t.notOk(isPattern('/plain/path-1.csv'))
  t.equal(withoutEscapes('a\\*\\\\b'), 'a*\\b')
})
