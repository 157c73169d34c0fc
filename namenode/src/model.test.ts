// test-timeout-seconds: 600
/**
 * Random sequences of all metadata operations by several users, on two replicas and on a real one that
 * crashes and restarts, against a model of plain objects.
 */
import { randomRuns } from '@hopbine/common/testing/random-runs.ts'
import fc from 'fast-check'
import t from 'tap'
import { CLIENTS, type Executor } from './testing/executor.ts'
import { ModelDriver } from './testing/model-driver.ts'
import { type ModelStep, type PathChoice, STEP_KINDS } from './testing/model-step.ts'
import { ReplicaExecutor } from './testing/replica-executor.ts'
import { ShardExecutor } from './testing/shard-executor.ts'

/** Few names, so that paths meet. */
const path: fc.Arbitrary<PathChoice> = fc.record({
  way: fc.constantFrom('right', 'right', 'right', 'right', 'child', 'any'),
  pick: fc.nat(999),
  name: fc.constantFrom('a', 'b', 'c'),
})

const WEIGHTS: Partial<Record<ModelStep['what'], number>> = {
  mkdirs: 3,
  create: 3,
  createOpen: 4,
  append: 3,
  addBlock: 5,
  commit: 5,
  complete: 3,
  truncate: 2,
  replace: 2,
  exchange: 2,
  restart: 1,
}

const kinds = STEP_KINDS.flatMap(kind => Array.from({ length: WEIGHTS[kind] ?? 1 }, () => kind))
const step: fc.Arbitrary<ModelStep> = fc.record({
  what: fc.constantFrom(...kinds),
  // The operator most often, since others are mostly refused.
  client: fc.oneof({ weight: 2, arbitrary: fc.constantFrom(0, 1) }, fc.nat(CLIENTS.length - 1)),
  path,
  other: path,
  n: fc.nat(999),
  m: fc.nat(999),
  flag: fc.boolean(),
})
const steps = fc.array(step, { maxLength: 120, size: 'max' })

async function run(executor: Executor, sequence: readonly ModelStep[]): Promise<void> {
  const driver = new ModelDriver(executor)
  await driver.begin()
  for (const one of sequence) await driver.run(one)
  await driver.finish()
}

t.test('two replicas do what the model does, and both the same', async t => {
  const property = fc.asyncProperty(steps, sequence => run(new ShardExecutor(), sequence))
  await t.resolves(fc.assert(property, randomRuns(100)))
})

t.test('a replica that crashes and replays its log does what the model does', async t => {
  const property = fc.asyncProperty(steps, async sequence => run(await ReplicaExecutor.open(), sequence))
  await t.resolves(fc.assert(property, randomRuns(100)))
})
