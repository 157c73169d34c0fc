// test-timeout-seconds: 300
/** A mount under directory leases while the disk of the namenode is full: a real one, of memory. */
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { patternAt } from './content.ts'
import { Mounted } from './mounted.ts'

const MIB = 1024 * 1024
const DISK_MIB = 480
/** Under the reserve of a disk of that size, and above the last of it, which nobody gets. */
const LEFT_MIB = 80

requireMounting(t, 'NOTHING OF FULL DISKS WAS TESTED')

t.setTimeout(300_000)
const home = mkdtempSync(join(tmpdir(), 'hopbine-full-'))
const disk = join(home, 'namenode')
const ballast = join(disk, 'ballast')
mkdirSync(disk)
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${DISK_MIB}m`, 'tmpfs', disk])
if (mounted.status !== 0) throw new Error(`no disk for the namenode: ${mounted.stderr}`)
const cluster = await ProcessCluster.open({
  home,
  datanodes: 1,
  mustOwn: true,
  keep: false,
  transport: 'unix',
})
const client = await FileSystem.connect({ home })
const one = await Mounted.start(home)
t.teardown(async () => {
  rmSync(ballast, { force: true })
  await one.remove()
  client.close()
  await cluster.close()
  spawnSync('umount', [disk])
  rmSync(home, { recursive: true, force: true })
})

async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  for (const deadline = performance.now() + 60_000; !(await holds()); await sleep(20)) {
    if (performance.now() > deadline) throw new Error(`${what} did not come`)
  }
}

async function isFull(): Promise<boolean> {
  return (await cluster.status()).readOnlyReason !== ''
}

async function fillDisk(): Promise<void> {
  const { bavail, bsize } = statfsSync(disk)
  writeFileSync(ballast, Buffer.alloc(bavail * bsize - LEFT_MIB * MIB))
  await until('the full disk', isFull)
}

async function freeDisk(): Promise<void> {
  rmSync(ballast, { force: true })
  await until('room', async () => !(await isFull()))
}

async function waiting(): Promise<number> {
  const { leases } = (await one.figures()) as unknown as { leases: { waiting: number } }
  return leases.waiting
}

/** Makes files until one is refused for the full disk; answers those that were not. */
async function writeUntilRefused(folder: string): Promise<Map<string, Buffer>> {
  const written = new Map<string, Buffer>()
  for (let file = 0; file < 100_000; file++) {
    const path = `${folder}/late${file}`
    const content = patternAt(file, 600)
    try {
      await fs.writeFile(one.path(path), content)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error
      return written
    }
    written.set(path, content)
  }
  throw new Error('nothing was refused')
}

/** Throws if a file that was answered has other bytes. */
async function compare(written: Map<string, Buffer>, read: (path: string) => Promise<Buffer>): Promise<void> {
  for (const [path, content] of written) {
    if (!content.equals(await read(path))) throw new Error(`${path} has other bytes`)
  }
}

/** Whatever a test before has left. */
t.beforeEach(async () => {
  await freeDisk()
  await until('a write', () => isDone(fs.mkdir(one.path(`room-${Date.now()}`))))
})

function isDone(work: Promise<unknown>): Promise<boolean> {
  return work.then(
    () => true,
    () => false,
  )
}

t.test(
  'a full disk refuses what is new, lets removals through, and loses nothing that was answered',
  async t => {
    await fs.mkdir(one.path('d'))
    for (let file = 0; file < 40; file++) await fs.writeFile(one.path('d', `f${file}`), patternAt(file, 900))
    await fs.mkdir(one.path('d', 'tree'))
    await fs.writeFile(one.path('d', 'tree', 'leaf'), 'leaf')
    const directory = await fs.open(one.path('d'), 'r')
    t.teardown(() => directory.close())
    await directory.sync()
    const held = await fs.open(one.path('d', 'f30'), 'r+')
    t.teardown(() => held.close())
    await held.write(patternAt(8, 500), 0, 500, 0)
    await fillDisk()

    const written = await writeUntilRefused('d')
    t.ok(written.size > 0, `${written.size} files were answered before`)
    await t.rejects(directory.sync(), { code: 'ENOSPC' }, 'fsync says so')
    await t.rejects(fs.mkdir(one.path('d', 'new')), { code: 'ENOSPC' })
    t.ok((await waiting()) >= written.size, 'they wait')
    await held.write(patternAt(7, 500), 0, 500, 0)
    await t.rejects(held.sync(), { code: 'ENOSPC' }, 'a file that is open is told, too')
    await compare(written, path => fs.readFile(one.path(path)))
    // The one that was refused may have been made, and refused its content.
    const shown = (await fs.readdir(one.path('d'))).length - written.size
    t.ok(shown === 41 || shown === 42, `${shown} others`)
    t.ok((await fs.statfs(one.directory)).blocks > 0, 'df goes on')

    for (let file = 0; file < 20; file++) await fs.unlink(one.path('d', `f${file}`))
    await until('the removals', async () => (await waiting()) === 0)
    await one.run('rm', '-r', 'd/tree')
    await until('the removal of the tree', async () => (await waiting()) === 0)
    const { files, directories } = await client.getContentSummary('/d')
    t.equal(files, 20 + written.size + shown - 41)
    t.equal(directories, 1)
    await t.rejects(fs.writeFile(one.path('d', 'new'), 'x'), { code: 'ENOSPC' }, 'there is still no room')

    await freeDisk()
    await until('a write', () => isDone(fs.writeFile(one.path('d', 'new'), 'x')))
    await directory.sync()
    await until('a save', () => isDone(held.sync()))
    t.same((await client.readFile('/d/f30')).subarray(0, 500), patternAt(7, 500), 'what was open is saved')
    await compare(written, path => client.readFile(`/${path}`))
  },
)

t.test('what a daemon had answered on a full disk outlives it, and the next starts and removes', async t => {
  await fs.mkdir(one.path('killed'))
  for (let file = 0; file < 5; file++) await fs.writeFile(one.path('killed', `f${file}`), 'x')
  const directory = await fs.open(one.path('killed'), 'r')
  await directory.sync()
  await directory.close()
  await fillDisk()
  const written = await writeUntilRefused('killed')
  await one.crash()
  await one.mount()
  await compare(written, path => fs.readFile(one.path(path)))
  await fs.unlink(one.path('killed', 'f0'))
  await t.rejects(fs.mkdir(one.path('killed', 'new')), { code: 'ENOSPC' })
  await freeDisk()
  await until('room', () => isDone(fs.mkdir(one.path('killed', 'new'))))
  await compare(written, path => client.readFile(`/${path}`))
})
