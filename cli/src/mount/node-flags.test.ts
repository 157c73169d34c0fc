import t from 'tap'
import { mountNodeFlags } from './node-flags.ts'

t.test('a mount has its own heap, and what else its parent was told', async t => {
  const flags = mountNodeFlags(['--max-semi-space-size=4', '--disable-warning=ExperimentalWarning'])
  t.ok(flags.includes('--disable-warning=ExperimentalWarning'))
  t.same(
    flags.filter(flag => flag.startsWith('--max-semi-space-size')),
    ['--max-semi-space-size=16'],
  )
})
