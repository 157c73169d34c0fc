import t from 'tap'
import { compileName, expandBraces, isPattern } from './glob.ts'

const matches = (pattern: string, name: string): boolean => {
  const part = compileName(pattern)
  return 'name' in part ? part.name === name : part.matches.test(name)
}

t.test('stars, question marks and sets match as in Hadoop', async t => {
  const yes: Array<[string, string]> = [
    ['*', ''],
    ['*.txt', 'a.txt'],
    ['a?c', 'abc'],
    ['[a-c]x', 'bx'],
    ['[^a-c]x', 'dx'],
    ['[]]', ']'],
    ['[a-]', '-'],
    ['\\*', '*'],
    ['[\\]x]', 'x'],
    ['a.b', 'a.b'],
    ['?', '\u{1f600}'],
    ['*', '.hidden'],
  ]
  for (const [pattern, name] of yes) t.ok(matches(pattern, name), `${pattern} matches ${name}`)
  const no: Array<[string, string]> = [
    ['*.txt', 'atxt'],
    ['a?c', 'ac'],
    ['[a-c]x', 'dx'],
    ['[^a-c]x', 'ax'],
    ['\\*', 'a'],
    ['a.b', 'axb'],
    ['A', 'a'],
  ]
  for (const [pattern, name] of no) t.notOk(matches(pattern, name), `${pattern} does not match ${name}`)
})

t.test('a name without special characters is itself', async t => {
  t.same(compileName('a\\[b'), { name: 'a[b' })
  t.ok(isPattern('/a/{b,c}'))
  t.notOk(isPattern('/a/b.c'))
})

t.test('braces stand for every alternative, also with slashes and braces inside', async t => {
  t.same(expandBraces('/{a,b/c}/x'), ['/a/x', '/b/c/x'])
  t.same(expandBraces('/{a,b{1,2}}'), ['/a', '/b1', '/b2'])
  t.same(expandBraces('/{a,}b'), ['/ab', '/b'])
  t.same(expandBraces('/a\\{b'), ['/a\\{b'])
  t.same(expandBraces('{1,2}{3,4}'), ['13', '14', '23', '24'])
})

t.test('a pattern that is cut short is refused', async t => {
  for (const pattern of ['/{a', '/{a,{b}']) {
    t.throws(() => expandBraces(pattern), { code: 'INVALID_ARGUMENT' })
  }
  for (const pattern of ['[a', '[', 'a\\', '[c-a]']) {
    t.throws(() => compileName(pattern), { code: 'INVALID_ARGUMENT' })
  }
  t.throws(() => expandBraces('{1,2}'.repeat(20)), { code: 'INVALID_ARGUMENT' })
})
