/** Access times through the mount: reading moves them as relatime has it, and nothing else with them. */
import * as fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

/** How long a read may go untold, with some patience, in milliseconds. */
const TOLD_MS = 15_000

requireMounting(t, 'ACCESS TIMES WERE NOT TESTED')

const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const client = await FileSystem.connect({ home })
t.teardown(async () => {
  client.close()
  await cluster.close()
})

async function told(t: Test, path: string, holds: (atimeMs: number) => boolean): Promise<void> {
  for (const deadline = performance.now() + TOLD_MS; ; await sleep(100)) {
    const { atimeMs } = await client.getFileStatus(path)
    const isLate = performance.now() > deadline
    if (holds(atimeMs) || isLate) {
      t.notOk(isLate, `${path} was read, and the namenode has ${atimeMs}`)
      return
    }
  }
}

t.test('the first read after a change moves it, also for others, and no other time', async t => {
  const mounted = await Mounted.start(home)
  const path = mounted.path('read')
  await fs.writeFile(path, 'content')
  const written = await fs.stat(path)
  await sleep(20)
  await fs.readFile(path)
  const first = await fs.stat(path)
  t.ok(first.atimeMs > written.mtimeMs, 'at once on this mount')
  t.same([first.mtimeMs, first.ctimeMs], [written.mtimeMs, written.ctimeMs])
  await told(t, '/read', atimeMs => Math.abs(atimeMs - first.atimeMs) < 1)
  await fs.readFile(path)
  await sleep(1_100)
  t.equal((await fs.stat(path)).atimeMs, first.atimeMs, 'a second read leaves it')
  await fs.appendFile(path, 'more')
  await sleep(20)
  await fs.readFile(path)
  t.ok((await fs.stat(path)).atimeMs > first.atimeMs, 'after a change it moves again')
  await mounted.remove()
})

t.test('what was not told yet is told when the mount ends', async t => {
  const mounted = await Mounted.start(home)
  await fs.writeFile(mounted.path('last'), 'content')
  const { mtimeMs } = await fs.stat(mounted.path('last'))
  await sleep(20)
  await fs.readFile(mounted.path('last'))
  await mounted.remove()
  t.ok((await client.getFileStatus('/last')).atimeMs > mtimeMs)
})

t.test('a time that a program sets counts, whatever was read before', async t => {
  const mounted = await Mounted.start(home)
  const path = mounted.path('set')
  await fs.writeFile(path, 'content')
  await sleep(20)
  await fs.readFile(path)
  await fs.utimes(path, 1_000_000_000, 1_000_000_000)
  await sleep(2_500)
  t.equal((await fs.stat(path)).atimeMs, 1_000_000_000_000)
  t.equal((await client.getFileStatus('/set')).atimeMs, 1_000_000_000_000)
  await mounted.remove()
})

t.test('with --atime never, and read-only, reading moves nothing', async t => {
  await client.writeFile('/still', 'content')
  const { atimeMs } = await client.getFileStatus('/still')
  for (const option of [['--atime', 'never'], ['--read-only']]) {
    const mounted = await Mounted.start(home, ...option)
    await fs.readFile(mounted.path('still'))
    t.equal((await fs.stat(mounted.path('still'))).atimeMs, atimeMs)
    await mounted.remove()
  }
  t.equal((await client.getFileStatus('/still')).atimeMs, atimeMs)
})
