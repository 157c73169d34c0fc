// test-timeout-seconds: 600
/**
 * Mounts over a group of namenodes whose leaders die or stand still: programs see a pause and nothing else.
 */
import * as fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { patternAt } from './content.ts'
import { LockProcess } from './lock-process.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NOTHING OF MOUNTS OVER A FAILOVER WAS TESTED')

t.setTimeout(600_000)
const KIB = 1024
const LEVEL_MS = 60_000

const cluster = await ProcessCluster.open({
  datanodes: 2,
  namenodes: 3,
  mustOwn: true,
  keep: false,
  transport: 'unix',
})
const one = await Mounted.start(cluster.home.path)
const two = await Mounted.start(cluster.home.path)
t.teardown(async () => {
  await one.remove()
  await two.remove()
  await cluster.close()
})

/** The leader is away for a while, dead or standing still; what the answer does brings it back. */
async function takeLeaderAway(how: 'kill' | 'stop'): Promise<() => Promise<void>> {
  const role = `namenode-${await cluster.group.leader()}`
  if (how === 'kill') await cluster.end(role, 'SIGKILL')
  else cluster.signal(role, 'SIGSTOP')
  return async () => {
    if (how === 'kill') await cluster.startAgain(role)
    else cluster.signal(role, 'SIGCONT')
    await cluster.group.untilLevel(LEVEL_MS)
  }
}

async function noProblems(t: Test): Promise<void> {
  const { problems } = await (await cluster.operator()).call(fsck, { repair: false })
  t.same(problems, [])
}

/** Files that a program writes through a mount, one after the other, until it is told to end. */
async function writeOn(
  mounted: Mounted,
  folder: string,
  goesOn: () => boolean,
): Promise<Map<string, Buffer>> {
  const written = new Map<string, Buffer>()
  await fs.mkdir(mounted.path(folder), { recursive: true })
  for (let number = 0; goesOn(); number++) {
    const name = `${folder}/file-${number}`
    // Every tenth lies in blocks, the others in the metadata.
    const content = patternAt(number, number % 10 === 0 ? 200 * KIB : 1 + (number % 2_000))
    await fs.writeFile(mounted.path(`${name}.part`), content, { flush: number % 5 === 0 })
    await fs.rename(mounted.path(`${name}.part`), mounted.path(name))
    written.set(name, content)
    await sleep(1)
  }
  return written
}

for (const how of ['kill', 'stop'] as const) {
  t.test(`programs write on while leaders go away (${how}), and everything is there`, async t => {
    let going = true
    const loads = [writeOn(one, `${how}-one`, () => going), writeOn(two, `${how}-two`, () => going)]
    for (let round = 0; round < 4; round++) {
      await sleep(700)
      const back = await takeLeaderAway(how)
      await sleep(2_500)
      await back()
    }
    going = false
    const [ofOne, ofTwo] = (await Promise.all(loads)) as [Map<string, Buffer>, Map<string, Buffer>]
    t.ok(ofOne.size > 100 && ofTwo.size > 100, `${ofOne.size} and ${ofTwo.size} files`)
    // Each mount reads what the other wrote.
    for (const [mounted, written] of [
      [two, ofOne],
      [one, ofTwo],
    ] as const) {
      let wrong = 0
      for (const [name, content] of written) {
        if (!(await fs.readFile(mounted.path(name))).equals(content)) wrong += 1
      }
      t.equal(wrong, 0)
      const [first] = written.keys()
      const names = await fs.readdir(mounted.path((first ?? '').split('/')[0] ?? ''))
      t.equal(names.length, written.size, 'and nothing else is there')
    }
    await noProblems(t)
  })
}

t.test('locks are held over a failover, and given to nobody else meanwhile', async t => {
  await fs.writeFile(one.path('locked'), 'x')
  const holder = await LockProcess.start(one.path('locked'))
  const other = await LockProcess.start(two.path('locked'))
  t.teardown(async () => {
    await holder.kill()
    await other.kill()
  })
  t.equal(await holder.posix({ type: 'w', start: 0, length: 10 }), 'ok')
  t.equal(await other.posix({ type: 'w', start: 0, length: 10 }), 'EAGAIN')
  const back = await takeLeaderAway('kill')
  t.equal(await other.posix({ type: 'w', start: 0, length: 10 }), 'EAGAIN', 'the new leader knows of it')
  await back()
  t.equal(await holder.posix({ type: 'u', start: 0, length: 10 }), 'ok')
  t.equal(await other.posix({ type: 'w', start: 0, length: 10 }), 'ok')
})

t.test('what another mount changes is seen over a failover', async t => {
  await fs.writeFile(one.path('seen'), 'before')
  t.equal(await fs.readFile(two.path('seen'), 'utf8'), 'before')
  const back = await takeLeaderAway('kill')
  await fs.writeFile(one.path('seen'), 'and after')
  t.equal(await fs.readFile(two.path('seen'), 'utf8'), 'and after')
  t.equal((await fs.stat(two.path('seen'))).size, 9)
  await back()
})

t.test('a file that is open while its name goes stays readable over a failover', async t => {
  await fs.writeFile(one.path('open'), 'still here')
  const handle = await fs.open(two.path('open'))
  t.teardown(() => handle.close())
  await fs.rm(one.path('open'))
  const back = await takeLeaderAway('kill')
  t.equal((await handle.read(Buffer.alloc(20), 0, 20, 0)).bytesRead, 10)
  await back()
})
