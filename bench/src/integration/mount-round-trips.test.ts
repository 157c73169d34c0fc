// test-timeout-seconds: 300
/**
 * What programs cost a mount, counted: requests of the kernel, and batches that the namenode commits. Counts
 * do not depend on how busy the machine is; each bound says what the work needs.
 */
import * as fs from 'node:fs/promises'
import { DatabaseSync } from 'node:sqlite'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { patternAt } from './content.ts'
import { Mounted, type MountFigures } from './mounted.ts'

const KIB = 1024
const MIB = 1024 * KIB

requireMounting(t, 'NO ROUND TRIP OF A MOUNT WAS COUNTED')

t.setTimeout(300_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const mounted = await Mounted.start(cluster.home.path)
t.teardown(async () => {
  await mounted.remove()
  await cluster.close()
})

interface Counted {
  /** Requests of the kernel by operation. */
  of(operation: string): number
  readonly requests: number
  readonly batches: number
  /** Calls that the mount did not answer by itself. */
  readonly forwarded: number
}

/** What some work cost. */
async function count(work: () => unknown): Promise<Counted> {
  const before = await mounted.figures()
  await work()
  const after = await mounted.figures()
  const of = (operation: string): number =>
    (after.operations[operation]?.count ?? 0) - (before.operations[operation]?.count ?? 0)
  const lease = (name: string): number => leaseOf(after, name) - leaseOf(before, name)
  const requests = Object.keys(after.operations).reduce((sum, name) => sum + of(name), 0)
  return { of, requests, batches: lease('batches'), forwarded: lease('forwarded') }
}

function leaseOf({ leases = {} }: MountFigures, name: string): number {
  return leases[name] ?? 0
}

t.test('a new file that is synced is one commit', async t => {
  await fs.mkdir(mounted.path('files'))
  const FILES = 50
  const bytes = patternAt(0, 10 * KIB)
  const make = async (name: string): Promise<void> => {
    const file = await fs.open(mounted.path('files', name), 'wx')
    await file.write(bytes)
    await file.sync()
    await file.close()
  }
  await make('first')
  const cost = await count(async () => {
    for (let number = 0; number < FILES; number++) await make(`file-${number}`)
  })
  t.equal(cost.of('fsync'), FILES)
  t.ok(cost.batches <= FILES + 2, `${cost.batches} batches`)
  t.ok(cost.forwarded <= 2, `${cost.forwarded} calls at the namenode`)
  for (const name of ['first', 'file-0', `file-${FILES - 1}`]) {
    t.ok((await fs.readFile(mounted.path('files', name))).equals(bytes))
  }
})

t.test('a sync of a file without changes waits for nobody', async t => {
  await fs.writeFile(mounted.path('files', 'quiet'), 'x')
  await fs.writeFile(mounted.path('files', 'quiet'), 'y', { flush: true })
  const quiet = await fs.open(mounted.path('files', 'quiet'))
  const syncs = async (): Promise<number> => leaseOf(await mounted.figures(), 'syncs')
  for (let number = 0; number < 20; number++) {
    await fs.writeFile(mounted.path('files', `busy-${number}`), 'changed')
    const before = await syncs()
    await quiet.sync()
    t.equal(await syncs(), before)
  }
  await quiet.close()
})

t.test('a transaction with a rollback journal commits for each of its three syncs, and no more', async t => {
  await fs.mkdir(mounted.path('database'))
  const database = new DatabaseSync(mounted.path('database', 'rollback'))
  database.exec('PRAGMA synchronous = FULL; CREATE TABLE line (id INTEGER PRIMARY KEY, text TEXT)')
  const insert = database.prepare('INSERT INTO line (text) VALUES (?)')
  insert.run('first')
  const TRANSACTIONS = 40
  const cost = await count(() => {
    for (let number = 0; number < TRANSACTIONS; number++) insert.run(`line ${number}`)
  })
  t.equal(cost.of('fsync'), 3 * TRANSACTIONS)
  // Whatever is older than 50 ms is sent by itself on a slow machine.
  t.ok(cost.batches < 4 * TRANSACTIONS, `${cost.batches} batches`)
  t.ok(cost.forwarded < TRANSACTIONS / 4, `${cost.forwarded} calls at the namenode`)
  t.ok(cost.requests <= 50 * TRANSACTIONS, `${cost.requests} requests`)
  database.close()
})

t.test('a stream is requests of a megabyte, and nothing beside them', async t => {
  const MIBS = 64
  const bytes = patternAt(0, MIB)
  const path = mounted.path('stream')
  const written = await count(async () => {
    const file = await fs.open(path, 'w')
    for (let number = 0; number < MIBS; number++) await file.write(bytes)
    await file.sync()
    await file.close()
  })
  t.equal(written.of('write'), MIBS)
  t.ok(written.requests <= MIBS + 12, `${written.requests} requests`)
  await fs.writeFile('/proc/sys/vm/drop_caches', '1')
  const read = await count(async () => {
    const file = await fs.open(path)
    const part = Buffer.alloc(MIB)
    for (let number = 0; number < MIBS; number++) {
      await file.read(part)
      if (!part.equals(bytes)) t.fail(`MiB ${number} differs`)
    }
    await file.close()
  })
  // The first ones are smaller, as long as the kernel does not know that more will be read.
  t.ok(read.of('read') <= MIBS + 12, `${read.of('read')} reads`)
  t.ok(read.requests <= MIBS + 24, `${read.requests} requests`)
})
