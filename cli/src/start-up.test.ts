// test-alone
import { execFileSync } from 'node:child_process'
import t from 'tap'
import { Installation, LAUNCHER } from './testing/installation.ts'

/** What the start of a command may cost, in milliseconds of processor time, launcher included. */
const CPU_MS_MAX = 150
const RUNS = 7

t.test('a command starts within its bound of processor time', async t => {
  const installation = new Installation()
  t.teardown(() => installation.remove())
  await installation.up()
  const env = { ...process.env, HOPBINE_HOME: installation.home, TIMEFORMAT: '%U %S' }
  for (const words of ['--version', 'fs -ls /', 'fs -mkdir -p /x', 'fs -test -e /']) {
    // The quickest run is the cost; the others had company.
    const costs = Array.from({ length: RUNS }, () => cpuMs(words, env))
    const best = Math.min(...costs)
    t.ok(best < CPU_MS_MAX, `hopbine ${words}: ${best} ms`)
    t.comment(`hopbine ${words}: ${best.toFixed(0)} ms of CPU`)
  }
})

function cpuMs(words: string, env: NodeJS.ProcessEnv): number {
  const script = `{ time "$0" ${words} >/dev/null 2>&1; } 2>&1`
  const text = execFileSync('bash', ['-c', script, LAUNCHER], { env, encoding: 'utf8' })
  const [user = 0, system = 0] = text.trim().split(' ').map(Number)
  return (user + system) * 1000
}
