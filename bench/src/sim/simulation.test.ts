// test-timeout-seconds: 600
import t from 'tap'
import { runPlanted, runSeeds } from './command.ts'
import { PLANTED_BUGS } from './planted-bugs.ts'
import { simulate } from './simulation.ts'

/** Seeds of the bounded run; the soak runs more. */
const SEEDS = 300
/**
 * Planted bugs that need more seeds than a test of every change may take, or that no seed has found yet;
 * `bench sim --planted --seeds N` looks for them.
 */
const RARE: ReadonlySet<string> = new Set([
  'old-term-commit',
  'configuration-stays',
  'own-vote-unsaved',
  'lease-by-ticks',
  'lease-disturbed',
  'lease-kept-in-handover',
  'lease-forgotten-at-restart',
  'snapshot-keeps-configuration',
])
const PLANTED_SEEDS = 300

t.test(`${SEEDS} seeds break no rule, and every group comes right afterwards`, async t => {
  const told: string[] = []
  const seed = 1 + Math.floor(Math.random() * 1_000_000)
  t.comment(`seeds from ${seed} on`)
  const report = runSeeds({ seed, seeds: SEEDS, seconds: 30, calls: 5, trace: undefined }, text =>
    told.push(text),
  )
  t.comment(JSON.stringify(report))
  t.same(told, [])
  t.ok(report.elections > SEEDS && report.answered > 10 * SEEDS, 'something happened')
})

t.test('the same seed gives the same run', async t => {
  const run = () => simulate({ seed: 7, seconds: 20, callsPerSecond: 5 })
  t.same(run(), run())
})

for (const { name, sentence } of PLANTED_BUGS.filter(({ name }) => !RARE.has(name))) {
  t.test(`finds ${name}: ${sentence}`, async t => {
    const { seed, rule } = await runPlanted(name, PLANTED_SEEDS, 60)
    t.ok(seed !== undefined, `found by seed ${seed}: ${rule}`)
  })
}
