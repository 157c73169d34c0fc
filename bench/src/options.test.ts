import t from 'tap'
import { UsageError } from './failure.ts'
import { parseOptions } from './options.ts'

const rows = [
  { name: 'files', type: 'count', minimum: 2, default: 5, sentence: '' },
  { name: 'sizes', type: 'counts', default: [1, 2], sentence: '' },
  { name: 'layout', type: 'choice', choices: ['private', 'shared'], default: 'shared', sentence: '' },
  { name: 'home', type: 'text', sentence: '' },
  { name: 'keep', type: 'flag', sentence: '' },
] as const

t.test('what is not given has its default, or is absent', async t => {
  const expected = { files: 5, sizes: [1, 2], layout: 'shared', home: undefined, keep: false }
  t.same(parseOptions(rows, []), expected)
})

t.test('values are read by their type', async t => {
  const args = ['--files', '7', '--sizes=10,20', '--layout', 'private', '--home', '/x', '--keep']
  const expected = { files: 7, sizes: [10, 20], layout: 'private', home: '/x', keep: true }
  t.same(parseOptions(rows, args), expected)
})

t.test('what cannot be understood is refused with a sentence', async t => {
  for (const args of [
    ['--files', '1'],
    ['--files', 'many'],
    ['--layout', 'other'],
    ['--fils', '3'],
    ['--files'],
    ['word'],
    ['--sizes', '1,x'],
  ]) {
    t.throws(() => parseOptions(rows, args), UsageError, args.join(' '))
  }
})
