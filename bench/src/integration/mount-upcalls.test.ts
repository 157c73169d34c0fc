// test-timeout-seconds: 300
/** How often the kernel asks a mount, and what an answer costs beside it: counted, not timed. */
import * as fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted, type MountFigures } from './mounted.ts'

requireMounting(t, 'NO UPCALL OF A MOUNT WAS COUNTED')

t.setTimeout(300_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const mount = await Mounted.start(cluster.home.path)
t.teardown(async () => {
  await mount.remove()
  await cluster.close()
})

const FILES = 50
const names = Array.from({ length: FILES }, (_, index) => `file-${index}`)

interface Counted {
  /** Requests of the kernel by their kind. */
  readonly upcalls: Readonly<Record<string, number>>
  /** Differences of the figures of directory leases. */
  readonly leases: Readonly<Record<string, number>>
}

/** What the mount was asked during a piece of work. */
async function counted(work: () => Promise<unknown>): Promise<Counted> {
  const before = await mount.figures()
  await work()
  const after = await mount.figures()
  const kinds = Object.entries(after.operations)
  const upcalls = kinds.map(([name, { count }]) => [name, count - (before.operations[name]?.count ?? 0)])
  const leases = Object.entries(leasesOf(after)).map(([name, count]) => [
    name,
    count - (leasesOf(before)[name] ?? 0),
  ])
  return { upcalls: Object.fromEntries(upcalls), leases: Object.fromEntries(leases) }
}

function leasesOf(figures: MountFigures): Readonly<Record<string, number>> {
  return figures.leases ?? {}
}

t.test('a file that is made, written, changed and closed is one write of the journal', async t => {
  await fs.mkdir(mount.path('made'))
  const { leases } = await counted(async () => {
    for (const name of names) {
      const file = await fs.open(mount.path('made', name), 'wx')
      await file.writeFile(name)
      await file.utimes(1, 1)
      await file.chmod(0o600)
      await file.close()
    }
  })
  const writes = leases.journalWrites ?? 0
  t.ok(writes >= FILES, `${writes} writes: none is closed before it is written`)
  // Batches leave after 50 ms, and what is open then is written before.
  t.ok(writes <= FILES * 1.5, `${writes} writes`)
})

t.test('small files that are read one by one come from the namenode many at a time', async t => {
  await fs.mkdir(mount.path('read'))
  for (const name of names) await fs.writeFile(mount.path('read', name), `content of ${name}`)
  await mount.crash()
  await mount.mount()
  // The directory is leased again, and what is in its files is not known here.
  for (const deadline = performance.now() + 60_000; performance.now() < deadline; await sleep(100)) {
    await fs.writeFile(mount.path('read', 'a'), '')
    if ((leasesOf(await mount.figures()).acquired ?? 0) > 0) break
  }
  const { leases } = await counted(async () => {
    for (const name of names)
      t.equal(await fs.readFile(mount.path('read', name), 'utf8'), `content of ${name}`)
  })
  t.ok((leases.readAhead ?? 0) >= FILES - 1, `${leases.readAhead} came along`)
  t.ok((leases.forwarded ?? 0) <= FILES / 5, `${leases.forwarded} calls went to the namenode alone`)
})

t.test('a file that is only read has its close not told, unless it was locked', async t => {
  await fs.mkdir(mount.path('closed'))
  for (const name of names) await fs.writeFile(mount.path('closed', name), name)
  const readAll = async (): Promise<void> => {
    for (const name of names) await fs.readFile(mount.path('closed', name))
  }
  const { upcalls } = await counted(readAll)
  t.equal(upcalls.open, FILES)
  t.equal(upcalls.flush ?? 0, 0)
  const script = [
    'import fcntl, sys',
    'f = open(sys.argv[1], "r+")',
    'fcntl.lockf(f, fcntl.LOCK_EX)',
    'open(sys.argv[1]).close()',
  ].join('\n')
  const locked = await counted(() => mount.run('python3', '-c', script, mount.path('closed', 'file-1')))
  t.equal(locked.upcalls.flush, 2, 'the second descriptor ends the lock of the first')
})
