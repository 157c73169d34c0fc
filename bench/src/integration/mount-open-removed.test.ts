// test-timeout-seconds: 300
/** Files that one mount has open while another takes their names: real processes, real kernels. */
import { execFile, spawn } from 'node:child_process'
import * as fs from 'node:fs/promises'
import { promisify } from 'node:util'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import { stat } from '@hopbine/common/protocol/metadata.ts'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NO OPEN FILE OF A MOUNT WAS TESTED')

t.setTimeout(300_000)
const LARGE = 3 * 1024 * 1024
const run = promisify(execFile)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const [a, b] = [await Mounted.start(home), await Mounted.start(home)]
const operator = await cluster.operator()
t.teardown(async () => {
  await a.remove()
  await b.remove()
  operator.close()
  await cluster.close()
})

async function isThere(inodeId: number): Promise<boolean> {
  try {
    await operator.call(stat, { path: `/.reserved/.inodes/${inodeId}`, followLast: false })
    return true
  } catch (error) {
    if (!isFsError(error, 'STALE')) throw error
    return false
  }
}

async function untilGone(t: Test, inodeId: number): Promise<void> {
  const deadline = performance.now() + 20_000
  while ((await isThere(inodeId)) && performance.now() < deadline) await new Promise(go => setTimeout(go, 50))
  t.notOk(await isThere(inodeId), 'nothing is kept any more')
  t.same((await operator.call(fsck, { repair: false })).problems, [])
}

/** Operations that a mount answered under its leases. */
async function leased(mount: Mounted): Promise<number> {
  const figures = (await mount.figures()) as unknown as { leases: { operations: number } }
  return figures.leases.operations
}

for (const size of [10, LARGE]) {
  t.test(
    `a file of ${size} bytes that the other mount unlinked can be read, written and looked at`,
    async t => {
      const name = `unlinked-${size}`
      await fs.writeFile(a.path(name), Buffer.alloc(size, 'x'))
      const file = await fs.open(a.path(name), 'r+')
      const { ino } = await file.stat()
      await fs.unlink(b.path(name))
      await t.rejects(fs.stat(a.path(name)), { code: 'ENOENT' })
      t.match(await file.stat(), { nlink: 0, size })
      const { buffer } = await file.read(Buffer.alloc(size), 0, size, 0)
      t.ok(buffer.equals(Buffer.alloc(size, 'x')))
      await file.write('more', size)
      await file.sync()
      await file.chmod(0o600)
      await file.truncate(size + 2)
      t.equal(`${(await file.read(Buffer.alloc(9), 0, 9, size - 1)).buffer}`.replaceAll('\0', ''), 'xmo')
      t.match(await file.stat(), { nlink: 0, size: size + 2, mode: 0o100600 })
      t.ok(await isThere(ino))
      await file.close()
      await untilGone(t, ino)
    },
  )
}

t.test('renamed over, with both having it open: until the last one has closed it', async t => {
  await fs.writeFile(a.path('target'), 'old')
  const [here, there] = [await fs.open(a.path('target'), 'r'), await fs.open(b.path('target'), 'r')]
  const { ino } = await here.stat()
  await fs.writeFile(b.path('fresh'), 'new')
  await fs.rename(b.path('fresh'), b.path('target'))
  t.equal(await fs.readFile(a.path('target'), 'utf8'), 'new')
  t.equal(`${(await here.read(Buffer.alloc(3), 0, 3, 0)).buffer}`, 'old')
  await there.close()
  await new Promise(go => setTimeout(go, 500))
  t.equal(`${(await here.read(Buffer.alloc(3), 0, 3, 0)).buffer}`, 'old')
  t.match(await here.stat(), { nlink: 0, size: 3 })
  await here.close()
  await untilGone(t, ino)
})

t.test('a file that is being written, and one that is mapped', async t => {
  const writer = await fs.open(a.path('written'), 'wx+')
  await writer.write(Buffer.alloc(LARGE, 'a'))
  const { ino } = await writer.stat()
  await fs.unlink(b.path('written'))
  await writer.write(Buffer.alloc(LARGE, 'b'), 0, LARGE, LARGE)
  await writer.sync()
  const { buffer } = await writer.read(Buffer.alloc(2), 0, 2, LARGE - 1)
  t.equal(`${buffer}`, 'ab')
  await writer.close()
  await untilGone(t, ino)

  await fs.writeFile(a.path('mapped'), Buffer.alloc(LARGE, 'm'))
  const script = `
import mmap, os, subprocess
handle = os.open('${a.path('mapped')}', os.O_RDONLY)
view = mmap.mmap(handle, 0, prot=mmap.PROT_READ)
subprocess.check_call(['rm', '${b.path('mapped')}'])
print(view[:] == b'm' * ${LARGE})
`
  t.equal((await run('python3', ['-c', script])).stdout, 'True\n')
})

t.test('other users go on with their files', async t => {
  await fs.writeFile(a.path('theirs'), 'x')
  await fs.chown(a.path('theirs'), 65534, 65534)
  const script = `
import os, subprocess, sys
os.setgid(65534); os.setuid(65534)
handle = os.open('${a.path('theirs')}', os.O_RDWR)
print('open', flush=True)
sys.stdin.readline()
os.fchmod(handle, 0o640); os.ftruncate(handle, 5); os.pwrite(handle, b'yz', 1)
print(oct(os.fstat(handle).st_mode), os.pread(handle, 9, 0))
`
  const child = spawn('python3', ['-c', script], { stdio: ['pipe', 'pipe', 'inherit'] })
  let said = ''
  const ended = new Promise(resolve => child.once('close', resolve))
  await new Promise<void>(resolve => {
    child.stdout.on('data', (part: Buffer) => {
      said += part.toString()
      resolve()
    })
  })
  await fs.unlink(b.path('theirs'))
  child.stdin.end('go on\n')
  await ended
  t.equal(said, "open\n0o100640 b'xyz\\x00\\x00'\n")
})

t.test('names that the other mount takes under its lease of the directory', async t => {
  await fs.mkdir(b.path('leased'))
  await fs.writeFile(b.path('leased', 'x'), 'still here')
  const file = await fs.open(a.path('leased', 'x'), 'r')
  const { ino } = await file.stat()
  // A directory that was recalled is leased anew after a while.
  const isLeased = async (): Promise<boolean> => {
    const before = await leased(b)
    await fs.writeFile(b.path('leased', 'probe'), 'x')
    await fs.unlink(b.path('leased', 'probe'))
    return (await leased(b)) > before
  }
  const deadline = performance.now() + 30_000
  while (!(await isLeased()) && performance.now() < deadline) await new Promise(go => setTimeout(go, 500))
  const before = await leased(b)
  await fs.rename(b.path('leased', 'x'), b.path('leased', 'y'))
  await fs.writeFile(b.path('leased', 'z'), 'other')
  await fs.rename(b.path('leased', 'z'), b.path('leased', 'y'))
  const directory = await fs.open(b.path('leased'))
  await directory.sync()
  await directory.close()
  t.ok((await leased(b)) >= before + 3, `it went through the queue: ${before}, ${await leased(b)}`)
  t.match(await file.stat(), { nlink: 0 })
  t.equal(`${(await file.read(Buffer.alloc(10), 0, 10, 0)).buffer}`, 'still here')
  await file.close()
  await untilGone(t, ino)
})

t.test('a daemon that is killed has nothing open once its session has ended', async t => {
  const killed = await Mounted.start(home)
  await fs.writeFile(killed.path('killed'), 'x')
  const file = await fs.open(killed.path('killed'), 'r')
  const { ino } = await file.stat()
  await fs.unlink(a.path('killed'))
  t.ok(await isThere(ino))
  await killed.crash()
  await file.close().catch(() => undefined)
  t.ok(await isThere(ino), 'it may only be away')
  // The next daemon ends the session of one that is gone.
  await killed.mount()
  await untilGone(t, ino)
  await killed.remove()
})
