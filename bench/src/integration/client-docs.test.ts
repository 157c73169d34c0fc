/**
 * The examples of docs/client.md: each is run as it stands, in order, and says what the page says it says.
 */
import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'

const PAGE = join(import.meta.dirname, '../../../docs/client.md')
const EXAMPLE = /^```ts\n(?<program>.*?)^```\n\n```text\n(?<output>.*?)^```/gms

const cluster = await bootInProcess({ datanodes: 1 })
t.teardown(() => cluster.stop())

const page = await readFile(PAGE, 'utf8')
const examples = [...page.matchAll(EXAMPLE)].map(match => match.groups as { program: string; output: string })

t.equal(examples.length, page.split('```ts\n').length - 1, 'every example states its output')

for (const [index, { program, output }] of examples.entries()) {
  t.test(`example ${index + 1} of docs/client.md does what it says`, async t => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ['--disable-warning=ExperimentalWarning', '--input-type=module-typescript', '--eval', program],
      { cwd: import.meta.dirname, env: { ...process.env, HOPBINE_HOME: cluster.home } },
    )
    t.equal(stdout, output)
  })
}
