// test-timeout-seconds: 1200
/**
 * A tenth of the outside suites that need no package of Debian, on two mounts of an own installation. It
 * builds fsx where it is missing, once on a machine.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { mountHindrance } from './mounted.ts'

const SCRIPT = fileURLToPath(new URL('../../../scripts/suites', import.meta.url))
/** Cases of each: five seeds by three ways and two files at once; one. */
const SUITES = { fsx: 17, git: 1 } as const

const run = promisify(execFile)
t.setTimeout(1_200_000)

async function hindrance(suite: string): Promise<string | undefined> {
  const mounting = mountHindrance()
  if (mounting !== undefined) return mounting
  return run(SCRIPT, ['--check', suite]).then(
    () => undefined,
    (error: { stderr: string }) => error.stderr.trim(),
  )
}

for (const [suite, cases] of Object.entries(SUITES)) {
  const missing = await hindrance(suite)
  const name = `a tenth of ${suite} finds nothing wrong`
  if (missing !== undefined) {
    t.comment(`${suite.toUpperCase()} WAS NOT RUN: ${missing}`)
    t.pass(name, { skip: missing })
    continue
  }
  t.test(name, async t => {
    const { stdout, stderr } = await run(SCRIPT, ['--quick', suite]).catch(
      (error: { stdout: string; stderr: string }) => error,
    )
    const lines = stdout.trim().split('\n')
    const passed = lines.filter(line => line.startsWith('PASS  '))
    t.equal(lines.at(-1), '0 failed', `${stdout}${stderr}`)
    t.equal(passed.length, cases)
  })
}
