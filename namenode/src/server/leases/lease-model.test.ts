// test-timeout-seconds: 600
/**
 * Lease holders and plain clients take random steps on one namenode, alone or two at a time, across restarts
 * of it; every answer is what a plain tree gives, in the one or the other order of steps at the same time.
 */
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { inodePath } from '../../testing/test-queue.ts'
import { LeaseHolder } from '../testing/lease-holder.ts'
import { PlainTree, type TreeStep } from '../testing/plain-tree.ts'
import { ServedNamenode } from '../testing/served-namenode.ts'
import { callStep, HoldingActor, type Outcome, PlainActor } from '../testing/tree-actors.ts'
import { DIRECTORY_LEASE_TIMES } from './lease-times.ts'

const STEPS = 2_000
const RESTART_EVERY = 450
const RENEW_MS = 100
const NAMES = ['a', 'b', 'c', 'd', 'e']
const DIRECTORIES_MAX = 12
const config = { directoryLeaseTimes: { ...DIRECTORY_LEASE_TIMES, backOffMs: 3, backOffMaxMs: 20 } }

/** Draws a step in a directory that exists; `name` says how the actor calls it. */
function draw(random: SeededNumbers, tree: PlainTree, locate: (id: number) => string): TreeStep {
  const ids = tree.directories()
  const pick = <T>(values: readonly T[]): T => values[random.next(values.length)] as T
  const at = locate(pick(ids))
  const name = pick(NAMES)
  const content = 'x'.repeat(random.next(20))
  switch (random.next(12)) {
    case 0:
      return ids.length < DIRECTORIES_MAX ? { op: 'mkdir', at, name } : { op: 'remove', at, name }
    case 1:
    case 2:
      return { op: 'remove', at, name }
    case 3:
    case 4:
      return { op: 'rename', at, name, to: locate(pick(ids)), toName: pick(NAMES) }
    case 5:
      return { op: 'read', at, name }
    case 6:
      return { op: 'stat', at, name }
    case 7:
      return { op: 'list', at }
    case 8:
      return random.next(4) === 0 ? { op: 'summary', at } : { op: 'stat', at, name }
    case 9:
      return { op: 'put', at, name, content }
    default:
      return { op: 'create', at, name, content }
  }
}

interface Taken {
  readonly step: TreeStep
  readonly outcome: Outcome
}

/** The trees that answer alike in one or the other order of the steps, as they are after them. */
function explain(trees: readonly PlainTree[], taken: readonly Taken[]): PlainTree[] {
  const next = new Map<string, PlainTree>()
  for (const tree of trees) {
    for (const order of taken.length > 1 ? [taken, [...taken].reverse()] : [taken]) {
      const copy = tree.copy()
      if (!order.every(({ step, outcome }) => copy.run(step, outcome.id) === outcome.text)) continue
      next.set(copy.text(), copy)
    }
  }
  return [...next.values()]
}

/** By inodes where it saw the directory, else, and at times all the same, by names. */
async function takeStep(random: SeededNumbers, tree: PlainTree, actor: PlainActor): Promise<Taken> {
  const byNames = random.next(4) === 0 && !(actor instanceof HoldingActor)
  const step = draw(random, tree, id => (actor.seen.has(id) && !byNames ? inodePath(id) : tree.pathOf(id)))
  return { step, outcome: await actor.take(step, random.next(4) > 0) }
}

/** Finds a directory by its names, which must lead where the tree says. */
async function lookAround(
  random: SeededNumbers,
  trees: readonly PlainTree[],
  actor: PlainActor,
): Promise<void> {
  const [tree] = trees as [PlainTree]
  const ids = tree.directories()
  const id = ids[random.next(ids.length)] as number
  const found = await actor.look(tree.pathOf(id)).catch((error: Error) => error.message)
  if (trees.length === 1) t.equal(found, id)
}

t.test('every answer is what a plain tree gives, whoever holds what', async t => {
  const { seed } = randomRuns(1)
  const random = new SeededNumbers(seed)
  const served = await ServedNamenode.start(t, config)
  const holders = await Promise.all([0, 1, 2].map(() => LeaseHolder.open(served.client())))
  const actors = [
    ...holders.map(holder => new HoldingActor(holder)),
    ...[0, 1].map(() => new PlainActor(served.client())),
  ]
  const renewals = setInterval(() => {
    // While the namenode restarts, the client tries again.
    for (const holder of holders) holder.renew().catch((error: Error) => t.comment(error.message))
  }, RENEW_MS)
  t.teardown(() => clearInterval(renewals))
  let trees = [new PlainTree()]
  let local = 0
  let current = 0
  for (let at = 0; at < STEPS; at++) {
    if (at % RESTART_EVERY === RESTART_EVERY - 1) {
      await served.stop()
      await served.start(config)
    }
    // Most steps go to the actor that took the last one, as work does.
    if (random.next(6) === 0) current = random.next(actors.length)
    const who = [actors[current] as PlainActor]
    const other = actors[random.next(actors.length)] as PlainActor
    if (random.next(5) === 0 && other !== who[0]) who.push(other)
    else if (random.next(3) === 0) await lookAround(random, trees, who[0] as PlainActor)
    const tree = trees[0] as PlainTree
    const taken = await Promise.all(who.map(actor => takeStep(random, tree, actor)))
    trees = explain(trees, taken)
    if (trees.length === 0) {
      const expected = taken.map(({ step, outcome }) => tree.copy().run(step, outcome.id))
      t.fail(`step ${at}: ${JSON.stringify(taken)}, the tree says ${JSON.stringify(expected)}`)
      return
    }
    local += taken.filter(({ outcome }) => outcome.isLocal).length
  }
  clearInterval(renewals)
  const recalls = holders.reduce((sum, holder) => sum + holder.recalled.length, 0)
  const batches = holders.reduce((sum, holder) => sum + holder.batches, 0)
  t.comment(`${local} steps answered locally, ${recalls} recalls, ${batches} batches`)
  t.ok(local > STEPS / 10 && recalls > STEPS / 50, 'the leases were used and recalled')
  const client = served.client()
  for (const id of (trees[0] as PlainTree).directories()) {
    const step: TreeStep = { op: 'list', at: inodePath(id) }
    trees = explain(trees, [{ step, outcome: await callStep(client, step) }])
    t.ok(trees.length > 0, inodePath(id))
  }
  t.same((await client.call(fsck, { repair: false })).problems, [])
})
