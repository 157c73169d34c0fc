import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import t from 'tap'
import { referencePage } from './reference.ts'

const page = new URL('../../../docs/cli.md', import.meta.url)

t.test('docs/cli.md says what the tables of commands and options say', async t => {
  const made = await referencePage()
  if (process.env.HOPBINE_REWRITE === '1') writeFileSync(page, made)
  const kept = existsSync(page) ? readFileSync(page, 'utf8') : ''
  t.equal(kept, made, 'HOPBINE_REWRITE=1 writes it anew')
})

t.test('every command and flag of the page has a sentence', async t => {
  const made = await referencePage()
  for (const name of [
    'up',
    'namenode',
    'datanode',
    'doctor',
    'admin status',
    'admin fsck',
    'admin restore',
    'fs',
  ]) {
    t.match(made, new RegExp(`^## hopbine ${name}$`, 'm'))
  }
  for (const row of made.match(/^\| `.*$/gm) ?? []) t.match(row, /^\| `[^`]+` \| [A-Z].+ \|$/)
})
