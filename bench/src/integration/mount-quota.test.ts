// test-timeout-seconds: 600
/**
 * Quotas through real kernels, under directory leases: what is answered fits, what does not fit is refused at
 * the right call and not before, whoever else writes and whatever is killed.
 */
import * as fs from 'node:fs/promises'
import { constants } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

const KIB = 1024
/** Node has no code for EDQUOT. */
const OVER_QUOTA = new RegExp(`error -${constants.errno.EDQUOT}\\b`)
const MIB = 1024 * KIB

requireMounting(t, 'NO QUOTA WAS TESTED THROUGH A MOUNT')

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

interface LeaseFigures {
  readonly local: number
  readonly forwarded: number
  readonly batches: number
  readonly lost: number
  readonly directories: number
}

async function leasesOf(mounted: Mounted): Promise<LeaseFigures> {
  return ((await mounted.figures()) as unknown as { leases: LeaseFigures }).leases
}

/** Nothing that any mount answered was refused later. */
async function nothingLost(t: Test): Promise<void> {
  for (const mounted of [one, two]) t.equal((await leasesOf(mounted)).lost, 0, mounted.said)
}

async function usedOf(path: string): Promise<{ readonly names: number; readonly diskBytes: number }> {
  const { files, directories, diskBytes } = await client.getContentSummary(path)
  return { names: files + directories, diskBytes }
}

/** Makes files until the quota refuses one; answers how many there are. */
async function fill(mounted: Mounted, directory: string, prefix: string, bytes = 0): Promise<number> {
  const content = Buffer.alloc(bytes, 'x')
  for (let file = 0; ; file++) {
    const path = mounted.path(directory, `${prefix}${file}`)
    try {
      await fs.writeFile(path, content)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).errno !== -constants.errno.EDQUOT) throw error
      // Where its name fitted it is there, without what did not fit.
      if (bytes > 0) {
        const { size } = await client.getFileStatus(`/${directory}/${prefix}${file}`)
        t.equal(size, 0, 'nothing of it was kept')
      }
      await fs.rm(path, { force: true })
      return file
    }
  }
}

t.test('names: the last one that fits is made, the next one is refused', async t => {
  await client.mkdir('/names')
  await client.setQuota('/names', { names: 2001 })
  const before = await leasesOf(one)
  t.equal(await fill(one, 'names', 'f'), 2000)
  t.same((await usedOf('/names')).names, 2001)
  for (const again of [1, 2]) {
    await fs.unlink(one.path('names', `f${again}`))
    await fs.symlink('x', one.path('names', `s${again}`))
    await t.rejects(fs.mkdir(one.path('names', 'more')), OVER_QUOTA)
    await t.rejects(fs.link(one.path('names', 'f9'), one.path('names', 'more')), OVER_QUOTA)
  }
  const { local, forwarded } = await leasesOf(one)
  t.comment(`answered here ${local - before.local}, elsewhere ${forwarded - before.forwarded}`)
  t.ok(local - before.local > 3000)
  await nothingLost(t)
})

t.test('bytes: small files and large ones reach the limit to the byte, never beyond', async t => {
  await client.mkdir('/bytes')
  await fs.writeFile(one.path('bytes', 'probe'), 'x')
  const copies = (await usedOf('/bytes')).diskBytes
  await fs.unlink(one.path('bytes', 'probe'))
  const quota = copies * 3 * MIB
  await client.setQuota('/bytes', { bytes: quota })
  const size = 10_000
  const files = Math.floor((3 * MIB) / size)
  t.equal(await fill(one, 'bytes', 'f', size), files)
  const left = 3 * MIB - files * size
  await fs.writeFile(one.path('bytes', 'rest'), Buffer.alloc(left))
  t.equal((await usedOf('/bytes')).diskBytes, quota)
  await t.rejects(fs.appendFile(one.path('bytes', 'rest'), 'x'), OVER_QUOTA)
  await t.rejects(fs.writeFile(one.path('bytes', 'more'), 'x'), OVER_QUOTA)
  await fs.truncate(one.path('bytes', 'rest'), 0)
  for (let file = 0; file < files; file++) await fs.unlink(one.path('bytes', `f${file}`))
  await t.rejects(fs.writeFile(one.path('bytes', 'large'), Buffer.alloc(3 * MIB + 1)), OVER_QUOTA)
  await fs.rm(one.path('bytes', 'large'), { force: true })
  await fs.writeFile(one.path('bytes', 'large'), Buffer.alloc(3 * MIB))
  t.equal((await usedOf('/bytes')).diskBytes, quota)
  await nothingLost(t)
})

t.test('two mounts fill one quota together: each name goes to one of them, none is left', async t => {
  for (const directory of ['/both', '/both/one', '/both/two']) await client.mkdir(directory)
  await client.setQuota('/both', { names: 1003 })
  // Apart, and in one directory.
  const counts = await Promise.all([fill(one, 'both/one', 'f'), fill(two, 'both/two', 'f')])
  t.equal((counts[0] as number) + (counts[1] as number), 1000, counts.join(' and '))
  for (const [at, name] of ['one', 'two'].entries()) {
    for (let file = 0; file < (counts[at] as number); file += 2) {
      await fs.unlink(one.path('both', name, `f${file}`))
    }
  }
  const { names } = await usedOf('/both')
  const more = await Promise.all([fill(one, 'both', 'a'), fill(two, 'both', 'b')])
  t.equal((more[0] as number) + (more[1] as number), 1003 - names, more.join(' and '))
  await nothingLost(t)
})

t.test('what others need is taken back from a mount that only has it set aside', async t => {
  await client.mkdir('/aside')
  await client.setQuota('/aside', { names: 101, bytes: 64 * KIB })
  await fs.writeFile(one.path('aside', 'mine'), 'x')
  for (let file = 0; file < 98; file++) await client.writeFile(`/aside/f${file}`, '')
  await client.writeFile('/aside/last', '')
  await t.rejects(client.writeFile('/aside/more', ''), { code: 'NAME_QUOTA_EXCEEDED' })
  await t.rejects(fs.writeFile(one.path('aside', 'more'), ''), OVER_QUOTA)
  await client.setQuota('/aside', { names: 50, bytes: 'none' })
  await t.rejects(fs.writeFile(one.path('aside', 'more'), ''), OVER_QUOTA)
  await client.setQuota('/aside', { names: 102 })
  await fs.writeFile(one.path('aside', 'more'), 'x'.repeat(60_000))
  await nothingLost(t)
})

t.test('free space is what the quota leaves', async t => {
  await client.mkdir('/free')
  await client.setQuota('/free', { names: 1000, bytes: 100 * MIB })
  for (let file = 0; file < 10; file++) await fs.writeFile(one.path('free', `f${file}`), Buffer.alloc(KIB))
  const { diskBytes } = await usedOf('/free')
  const { bsize, bfree, ffree } = await fs.statfs(one.path('free'))
  t.equal(bfree, Math.floor((100 * MIB - diskBytes) / bsize))
  t.equal(ffree, 1000 - 11)
})

t.test('a tree is unpacked below a quota with as few round trips as without', async t => {
  const trips: number[] = []
  for (const quota of [false, true]) {
    const top = quota ? 'limited' : 'plain'
    await client.mkdir(`/${top}`)
    if (quota) await client.setQuota(`/${top}`, { names: 1_000_000, bytes: 1024 * MIB })
    const before = await leasesOf(one)
    for (let folder = 0; folder < 20; folder++) {
      await fs.mkdir(one.path(top, `d${folder}`))
      for (let file = 0; file < 50; file++) {
        await fs.writeFile(one.path(top, `d${folder}`, `f${file}`), Buffer.alloc((file * 97) % 4000))
      }
    }
    const { forwarded, batches } = await leasesOf(one)
    trips.push(forwarded - before.forwarded + batches - before.batches)
  }
  t.comment(`messages for 1,020 names: ${trips[0]} without a quota, ${trips[1]} below one`)
  t.ok((trips[1] as number) < (trips[0] as number) + 30)
})

t.test('kills of the daemon and of the namenode lose nothing, and the quota holds', async t => {
  await client.mkdir('/killed')
  await client.setQuota('/killed', { names: 601 })
  const answered = new Set<string>()
  let round = 0
  for (let kills = 0; kills < 6; kills++) {
    const stopAt = answered.size + 60
    const work = (async () => {
      for (; answered.size < stopAt; round++) {
        const name = `f${round}`
        await fs.writeFile(one.path('killed', name), name)
        answered.add(name)
      }
    })().catch((error: unknown) => t.comment((error as Error).message))
    await sleep(20 + 13 * kills)
    if (kills % 2 === 0) {
      await one.crash()
      await work
      round += 1
      await one.mount()
    } else {
      await cluster.end('namenode', 'SIGKILL')
      await cluster.startAgain('namenode')
      await work
    }
  }
  const there = new Set(await fs.readdir(two.path('killed')))
  for (const name of answered) t.ok(there.has(name), name)
  const rest = await fill(one, 'killed', 'rest')
  t.equal((await usedOf('/killed')).names, 601, `${answered.size} before the kills were over, ${rest} after`)
  await nothingLost(t)
})
