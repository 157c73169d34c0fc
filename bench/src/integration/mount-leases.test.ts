// test-timeout-seconds: 600
/**
 * Directory leases through real kernels: what one mount is answered at once is there for everybody who looks,
 * and stays when daemons and servers are killed.
 */
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { FileSystem } from '@hopbine/client/index.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { patternAt } from './content.ts'
import { FileHistory } from './file-history.ts'
import { Mounted } from './mounted.ts'

const HOPBINE = fileURLToPath(new URL('../../../scripts/hopbine', import.meta.url))
const KIB = 1024
const MIB = 1024 * KIB

requireMounting(t, 'NOTHING OF DIRECTORY LEASES WAS TESTED')

t.setTimeout(600_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const client = await FileSystem.connect({ home })
const one = await Mounted.start(home)
const two = await Mounted.start(home)
t.teardown(async () => {
  await one.remove()
  await two.remove()
  client.close()
  await cluster.close()
})

/** Whatever a test before has left: the namenode and both mounts are there. */
t.beforeEach(async () => {
  const namenode = cluster.pidOf('namenode')
  if (existsSync(`/proc/${namenode}`)) process.kill(namenode, 'SIGCONT')
  else await cluster.startAgain('namenode')
  for (const mounted of [one, two]) {
    if (mounted.isRunning) continue
    await mounted.crash()
    await mounted.mount()
  }
})

/**
 * Answers the numbers 0, 1, … while a lease that is not renewed is sure to hold: what is done then on a
 * namenode that stands still would wait for it.
 */
function* whileLeased(count: number): Generator<number> {
  const endMs = performance.now() + 10_000
  for (let number = 0; number < count && performance.now() < endMs; number++) yield number
}

/** The namenode takes nothing until the answer is called, or for a minute: then nobody would wake it. */
function standStill(): () => void {
  const namenode = cluster.pidOf('namenode')
  const wake = (): void => {
    clearTimeout(timer)
    process.kill(namenode, 'SIGCONT')
  }
  const timer = setTimeout(wake, 60_000)
  process.kill(namenode, 'SIGSTOP')
  return wake
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const deadline = performance.now() + 60_000; !holds(); await sleep(5)) {
    if (performance.now() > deadline) throw new Error(`${what} did not come`)
  }
}

/** What a mount has done under leases. */
async function leasesOf(mounted: Mounted): Promise<Record<string, number>> {
  const { leases } = (await mounted.figures()) as unknown as { leases: Record<string, number> }
  return leases
}

function journals(): string[] {
  return readdirSync(join(home, 'run')).filter(name => name.endsWith('.journal'))
}

t.test('a tree that is unpacked under leases is whole for a client, another mount and git', async t => {
  const source = mkdtempSync(join(tmpdir(), 'hopbine-tree-'))
  t.teardown(() => rmSync(source, { recursive: true }))
  for (let folder = 0; folder < 20; folder++) {
    await fs.mkdir(join(source, `d${folder}`))
    for (let file = 0; file < 20; file++) {
      const bytes = file === 0 ? 100 * KIB : (folder * 37 + file * 101) % 5000
      await fs.writeFile(join(source, `d${folder}`, `f${file}`), patternAt(folder * 1000 + file, bytes))
    }
    await fs.symlink('f1', join(source, `d${folder}`, 's'))
    await fs.link(join(source, `d${folder}`, 'f2'), join(source, `d${folder}`, 'hard'))
    await fs.chmod(join(source, `d${folder}`, 'f3'), 0o640)
  }
  const before = await leasesOf(one)
  await one.run('mkdir', 'tree')
  await one.run('sh', '-c', `tar -C ${source} -c . | tar -C tree -x`)
  const { local, forwarded } = await leasesOf(one)
  t.ok(
    (local as number) - (before.local as number) > 1500,
    `answered here: ${local}, elsewhere: ${forwarded}`,
  )
  const table = spawnSync(HOPBINE, ['mounts', '--operations', '--home', home], { encoding: 'utf8' }).stdout
  const lines = table.split('\n').map(line => line.trim().replace(/ +/g, ' '))
  const rows = lines.slice(lines.indexOf('LEASES NOW OR SO FAR') + 1)
  for (const name of ['directories', 'cancelled', 'recall p99 ms', 'fsync waits']) {
    t.match(rows.find(row => row.startsWith(name)) ?? '', /^[a-z0-9 ]+ [\d.]+$/, name)
  }
  t.equal((await client.readFile('/tree/d7/f5')).length, (7 * 37 + 5 * 101) % 5000)
  t.equal((await client.getFileStatus('/tree/d7/hard')).nlink, 2)
  const compared = spawnSync('diff', ['-r', '--no-dereference', source, two.path('tree')], {
    encoding: 'utf8',
  })
  t.equal(compared.stdout, '', 'the other mount has the same')
  t.equal((await fs.stat(two.path('tree', 'd7', 'hard'))).nlink, 2)
  t.equal((await fs.stat(two.path('tree', 'd7', 'f3'))).mode & 0o777, 0o640)
})

t.test('git works under leases, and the other mount goes on where the first ended', async t => {
  const git = (mounted: Mounted, ...args: string[]): Promise<string> =>
    mounted.run(
      'git',
      '-c',
      'user.name=t',
      '-c',
      'user.email=t@t',
      '-c',
      'safe.directory=*',
      '-C',
      'repo',
      ...args,
    )
  await one.run('mkdir', 'repo')
  await git(one, 'init', '-q')
  for (let commit = 0; commit < 10; commit++) {
    const mounted = commit % 2 === 0 ? one : two
    await fs.writeFile(mounted.path('repo', `file${commit}`), `content ${commit}`)
    await git(mounted, 'add', '-A')
    await git(mounted, 'commit', '-q', '-m', `commit ${commit}`)
  }
  await git(two, 'fsck', '--strict')
  t.equal((await git(one, 'log', '--oneline')).trim().split('\n').length, 10)
  await one.run('git', '-c', 'safe.directory=*', 'clone', '-q', 'repo', 'clone')
  t.equal(await fs.readFile(two.path('clone', 'file9'), 'utf8'), 'content 9')
})

t.test('what a daemon had answered when it was killed is handed in by the next', async t => {
  await fs.mkdir(one.path('killed'))
  await fs.writeFile(one.path('killed', 'first'), 'makes the mount hold the directory')
  // A namenode that stands still takes nothing: everything is in the journal alone.
  const wake = standStill()
  const names: string[] = []
  for (const file of whileLeased(100)) {
    const name = `file${file}`
    await fs.writeFile(one.path('killed', name), patternAt(file, file * 50))
    if (file % 5 === 1) await fs.rename(one.path('killed', name), one.path('killed', `moved${file}`))
    if (file % 5 === 2) await fs.unlink(one.path('killed', name))
    else names.push(file % 5 === 1 ? `moved${file}` : name)
  }
  await fs.mkdir(one.path('killed', 'below'))
  await fs.writeFile(one.path('killed', 'below', 'deep'), 'deep')
  await fs.chmod(one.path('killed', 'file0'), 0o600)
  await one.crash()
  wake()
  await one.mount()
  t.same((await fs.readdir(one.path('killed'))).sort(), [...names, 'below', 'first'].sort())
  for (const name of names) {
    const file = Number(name.replace(/\D/g, ''))
    const content = await fs.readFile(two.path('killed', name))
    if (!content.equals(patternAt(file, file * 50))) t.fail(`${name} has other bytes`)
  }
  t.equal(await fs.readFile(two.path('killed', 'below', 'deep'), 'utf8'), 'deep')
  t.equal((await fs.stat(two.path('killed', 'file0'))).mode & 0o777, 0o600)
  t.equal(journals().length, 2, 'one journal for each mount')
})

t.test('kills of the daemon at any moment lose nothing that was closed', async t => {
  for (let round = 0; round < 6; round++) {
    const folder = `round${round}`
    await fs.mkdir(one.path(folder))
    const closed: string[] = []
    let isKilled = false
    const writing = (async () => {
      for (let file = 0; !isKilled; file++) {
        await fs.writeFile(one.path(folder, `f${file}`), patternAt(file, 3000))
        closed.push(`f${file}`)
      }
    })().catch((error: unknown) => error)
    await until('some files', () => closed.length > round * 25)
    await one.crash()
    isKilled = true
    await writing
    await one.mount()
    for (const [file, name] of closed.entries()) {
      const content = await fs.readFile(one.path(folder, name))
      if (!content.equals(patternAt(file, 3000))) t.fail(`${folder}/${name} has other bytes`)
    }
    t.comment(`${closed.length} files were closed`)
  }
  t.ok(true, 'all were there')
})

t.test('what fsync answered for outlives the namenode, the daemon and its journal', async t => {
  await fs.mkdir(one.path('synced'))
  const file = await fs.open(one.path('synced', 'file'), 'w')
  await file.write('durable')
  await file.sync()
  await fs.writeFile(one.path('synced', 'beside'), 'by the directory')
  const directory = await fs.open(one.path('synced'), 'r')
  await directory.sync()
  await directory.close()
  await two.stop()
  await cluster.end('namenode', 'SIGKILL')
  await one.crash()
  for (const name of journals()) rmSync(join(home, 'run', name))
  await file.close().catch(() => undefined)
  await cluster.startAgain('namenode')
  t.equal((await client.readFile('/synced/file')).toString(), 'durable')
  t.equal((await client.readFile('/synced/beside')).toString(), 'by the directory')
})

for (const [ending, isStopped] of [
  ['SIGTERM', true],
  ['SIGTERM', false],
  ['umount', true],
] as const) {
  const state = isStopped ? 'stands still' : 'is gone'
  t.test(`${ending} ends a mount in time while the namenode ${state}; the next hands in`, async t => {
    const folder = `left-${ending}-${isStopped}`
    await fs.mkdir(one.path(folder))
    await fs.writeFile(one.path(folder, 'first'), 'makes the mount hold the directory')
    // The other mount would be asked for what it holds.
    await two.stop()
    const wake = isStopped ? standStill() : undefined
    if (!isStopped) await cluster.end('namenode', 'SIGKILL')
    let count = 0
    for (const file of whileLeased(50)) {
      await fs.writeFile(one.path(folder, `f${file}`), patternAt(file, 700))
      count += 1
    }
    const held = ending === 'umount' ? undefined : await fs.open(one.path(folder, 'held'), 'w')
    const startedMs = performance.now()
    if (ending === 'umount') {
      t.equal(spawnSync('umount', ['-c', one.directory], { encoding: 'utf8' }).stderr, '')
      await one.untilEnd()
    } else {
      await one.stop()
    }
    const seconds = (performance.now() - startedMs) / 1000
    t.ok(seconds <= 15, `${seconds} s with ${count} files`)
    t.match(one.said, /journal-left-to-the-next-mount/)
    await held?.close().catch((error: unknown) => t.match(error, { code: 'ENOTCONN' }))
    wake?.()
    if (!isStopped) await cluster.startAgain('namenode')
    await one.mount()
    for (let file = 0; file < count; file++) {
      const content = await fs.readFile(one.path(folder, `f${file}`))
      if (!content.equals(patternAt(file, 700))) t.fail(`f${file} has other bytes`)
    }
    t.equal(journals().length, 1, 'the journal was handed in')
  })
}

t.test('a namenode that is killed under load comes back, and the queue goes on', async t => {
  await fs.mkdir(one.path('restarted'))
  let written = 0
  const writing = (async () => {
    for (; written < 1500; written++) {
      await fs.writeFile(one.path('restarted', `f${written}`), patternAt(written, 500))
    }
  })()
  await until('some files', () => written > 100)
  const { lost } = await leasesOf(one)
  await cluster.end('namenode', 'SIGKILL')
  await cluster.startAgain('namenode')
  await writing
  const names = await fs.readdir(two.path('restarted'))
  t.equal(names.length, 1500)
  for (const file of [0, 700, 1499]) {
    const content = await client.readFile(`/restarted/f${file}`)
    t.ok(content.equals(patternAt(file, 500)), `f${file}`)
  }
  t.equal((await leasesOf(one)).lost, lost)
})

t.test('a random history over two mounts is what one local disk would answer', async t => {
  const { seed } = randomRuns(1)
  const local = mkdtempSync(join(tmpdir(), 'hopbine-model-'))
  t.teardown(() => rmSync(local, { recursive: true }))
  await fs.mkdir(one.path('history'))
  const history = new FileHistory(new SeededNumbers(seed))
  const mounts = [one.path('history'), two.path('history')]
  for (let count = 0; count < 2_000; count++) {
    const { step, what, actor } = history.draw(2)
    const expected = await history.run(step, local)
    const found = await history.run(step, mounts[actor] as string)
    if (found === expected) continue
    t.equal(found, expected, `step ${count} on mount ${actor + 1}: ${what}`)
    return
  }
  const { recalls } = await leasesOf(one)
  t.ok((recalls as number) > 0, `${recalls} recalls`)
})

t.test('a quota refuses at the right call', async t => {
  await fs.mkdir(one.path('quota'))
  await client.setQuota('/quota', { names: 11 })
  for (let file = 0; file < 10; file++) await fs.writeFile(one.path('quota', `f${file}`), 'x')
  await t.rejects(fs.writeFile(one.path('quota', 'more'), 'x'))
  await fs.unlink(one.path('quota', 'f0'))
  await fs.writeFile(one.path('quota', 'more'), 'x')
  t.equal((await client.getContentSummary('/quota')).files, 10)
})

t.test('an unmount hands everything in', async t => {
  await fs.mkdir(one.path('last'))
  for (let file = 0; file < 200; file++)
    await fs.writeFile(one.path('last', `f${file}`), patternAt(file, 100))
  await one.stop()
  t.equal(journals().length, 1, 'only the journal of the other mount is left')
  t.equal((await client.readFile('/last/f199')).length, 100)
  t.equal((await fs.readdir(two.path('last'))).length, 200)
  await one.mount()
  await fs.writeFile(one.path('large'), patternAt(0, MIB))
  t.ok((await fs.readFile(two.path('large'))).equals(patternAt(0, MIB)))
})
