// test-timeout-seconds: 900
/**
 * The POSIX conformance suite, complete, on a mount of its own: every case passes, and one is skipped. It
 * builds the suite where it is missing, once on a machine.
 */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { requireMounting } from '../testing/require-mounting.ts'
import { mountHindrance } from './mounted.ts'

const SCRIPT = fileURLToPath(new URL('../../../scripts/pjdfstest', import.meta.url))
/** Asks `pathconf` for the most links, and gets no limit from the kernel on any FUSE filesystem. */
const SKIPPED = 'link::link_count_max'
const CASES = 398

const run = promisify(execFile)

async function hindrance(): Promise<string | undefined> {
  const mounting = mountHindrance()
  if (mounting !== undefined) return mounting
  try {
    await run(SCRIPT, ['--check'])
    return undefined
  } catch (error) {
    return (error as { stderr: string }).stderr.trim()
  }
}

requireMounting(t, 'POSIX CONFORMANCE WAS NOT TESTED', await hindrance())

t.setTimeout(900_000)
t.test('every case of pjdfstest passes, those on a filesystem remounted read-only too', async t => {
  const { stdout } = await run(SCRIPT).catch((error: { stdout: string; stderr: string }) => {
    t.fail(`${error.stdout}${error.stderr}`)
    return error
  })
  const lines = stdout.trim().split('\n')
  t.equal(lines.at(-1), `Summary: 0 failed, 1 skipped, ${CASES - 1} passed, of ${CASES}`)
  t.same(
    lines.slice(0, -1).map(line => line.split(/ +/)[0]),
    [SKIPPED],
  )
})
