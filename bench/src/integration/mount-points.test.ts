// test-timeout-seconds: 400
/** Where one can mount and where not, in clear words; the helper of mount(8); and what a mount must bear. */
import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import * as fs from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { FileSystem } from '@hopbine/client/index.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { memoryOf } from '../machine/process-usage.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

const MIB = 1024 * 1024
const HOPBINE = fileURLToPath(new URL('../../../scripts/hopbine', import.meta.url))
const HELPER = fileURLToPath(new URL('../../../scripts/mount.hopbine', import.meta.url))

requireMounting(t, 'MOUNT POINTS WERE NOT TESTED')

t.setTimeout(400_000)
const run = promisify(execFile)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const client = await FileSystem.connect({ home })
const folder = await fs.mkdtemp(join(tmpdir(), 'hopbine-points-'))
t.teardown(async () => {
  client.close()
  await cluster.close()
  await fs.rm(folder, { recursive: true, force: true })
})

/** Exit code and words of a command that is expected to end by itself. */
function said(program: string, ...words: string[]): { code: number | null; text: string } {
  const { status, stderr } = spawnSync(program, words, { encoding: 'utf8', timeout: 60_000 })
  return { code: status, text: stderr.trim() }
}

async function waitUntilStopped(pid: number): Promise<void> {
  while (!/^State:\tT/m.test(await fs.readFile(`/proc/${pid}/status`, 'utf8'))) await sleep(10)
}

t.test('a mount point that will not do is refused with a sentence', async t => {
  const full = join(folder, 'full')
  await fs.mkdir(full)
  await fs.writeFile(join(full, 'x'), '')
  const file = join(full, 'x')
  const cases: [string, RegExp][] = [
    [full, /full is not empty: mount on an empty directory$/],
    [file, /x is not a directory: mount on an empty directory$/],
    [join(folder, 'none'), /none does not exist: make it with mkdir -p first$/],
    [join(folder, 'none', 'below'), /below does not exist: make it with mkdir -p first$/],
  ]
  for (const [path, sentence] of cases) {
    const { code, text } = said(HOPBINE, 'mount', '--home', home, path)
    t.equal(code, 1)
    t.match(text, sentence)
    t.equal(text.split('\n').length, 1)
  }
  const mounted = await Mounted.start(home)
  const again = said(HOPBINE, 'mount', '--home', home, mounted.directory)
  t.equal(again.code, 1)
  t.match(again.text, /is already mounted \(fuse\.hopbine\): unmount it, or choose another directory$/)
  t.same(await fs.readdir(mounted.directory), await names('/'), 'the first one goes on')
  await mounted.remove()
})

t.test('a path of Hopbine that cannot be mounted is refused with a sentence', async t => {
  const empty = join(folder, 'empty')
  await fs.mkdir(empty)
  await client.writeFile('/file', 'content')
  t.match(said(HOPBINE, 'mount', '--home', home, '/file', empty), {
    code: 1,
    text: /\/file is not a directory/,
  })
  t.match(said(HOPBINE, 'mount', '--home', home, '/none', empty), { code: 1, text: /\/none/ })
  t.same(await fs.readdir(empty), [])
})

t.test('a symbolic link to a directory is mounted where it leads', async t => {
  const [target, link] = [join(folder, 'target'), join(folder, 'link')]
  await fs.mkdir(target)
  await fs.symlink(target, link)
  await run(HOPBINE, ['mount', '--home', home, '--detach', link])
  t.same(await fs.readdir(target), await names('/'))
  await run(HOPBINE, ['umount', '--home', home, target])
  t.same(await fs.readdir(target), [])
})

t.test("mount(8)'s helper mounts, remounts and says what is wrong, in mount(8)'s exit codes", async t => {
  const point = join(folder, 'helped')
  await fs.mkdir(point)
  await client.mkdirs('/data')
  await client.writeFile('/data/a', 'a')
  const options = (more: string): string[] => ['-o', `home=${home},${more}`, '-t', 'fuse.hopbine']
  t.match(said(HELPER, 'hopbine:/data', point, ...options('rw,colour')), { code: 1, text: /option colour/ })
  t.match(said(HELPER, 'hopbine:/none', point, ...options('rw')), { code: 32, text: /none/ })
  t.equal(said(HELPER, 'hopbine:/data', point, ...options('rw'), '-f').code, 0)
  t.same(await fs.readdir(point), [], '-f mounts nothing')
  t.equal(said(HELPER, 'hopbine:/data', point, ...options('ro,allow_other,_netdev')).code, 0)
  t.same(await fs.readdir(point), ['a'])
  await t.rejects(fs.writeFile(join(point, 'b'), ''), { code: 'EROFS' })
  t.equal(said(HELPER, 'hopbine:/data', point, '-o', 'remount,rw').code, 0)
  await fs.writeFile(join(point, 'b'), 'b')
  t.same(await names('/data'), ['a', 'b'])
  t.equal(said(HELPER, 'hopbine:/data', point, '-o', 'remount,ro').code, 0)
  await t.rejects(fs.writeFile(join(point, 'c'), ''), { code: 'EROFS' })
  await run(HOPBINE, ['umount', '--home', home, point])
})

t.test('umount cuts a daemon off that does not answer, and what it had answered is not lost', async t => {
  const mounted = await Mounted.start(home)
  const { directory, pid } = mounted
  await mounted.run('sh', '-c', 'echo kept > kept')
  process.kill(pid, 'SIGSTOP')
  // It waits for an answer, and so the mount is in use.
  const blocked = spawn('ls', ['-l', join(directory, 'none')], { stdio: 'ignore' })
  const isOver = once(blocked, 'close')
  const startMs = performance.now()
  const { code, text } = said(HOPBINE, 'umount', '--home', home, directory)
  const seconds = (performance.now() - startMs) / 1000
  t.equal(code, 1)
  t.match(text, /cut off.* lost; what the mount had answered is in its journal/s)
  t.match(text, new RegExp(`process ${pid} is still there`))
  t.ok(seconds > 14 && seconds < 30, `after ${seconds.toFixed(1)} s`)
  t.same(await isOver, [2, null], 'who waited has an error')
  t.same(await fs.readdir(directory), [], 'the directory is as before')
  await mounted.crash()
  await mounted.mount()
  t.equal((await fs.readFile(mounted.path('kept'), 'utf8')).trim(), 'kept')
  await mounted.remove()
})

t.test('umount ends also where the kernel waits for pages to be written', async t => {
  const mounted = await Mounted.start(home)
  const { directory, pid } = mounted
  await mounted.run('sh', '-c', 'head -c 1000000 /dev/zero > mapped')
  const program =
    'import mmap, os, signal\n' +
    'f = open("mapped", "r+b"); m = mmap.mmap(f.fileno(), 0)\n' +
    `m[5:6] = b"x"; os.kill(${pid}, signal.SIGSTOP); os._exit(0)`
  spawn('python3', ['-c', program], { cwd: directory, stdio: 'ignore' })
  await waitUntilStopped(pid)
  t.match(said(HOPBINE, 'umount', '--home', home, directory), { code: 1, text: /cut off/ })
  t.same(await fs.readdir(directory), [])
  await mounted.crash()
  await mounted.mount()
  t.equal((await fs.readFile(mounted.path('mapped'))).length, 1_000_000)
  await mounted.remove()
})

t.test('umount says at once that a mount is in use whose daemon answers', async t => {
  const mounted = await Mounted.start(home)
  const user = spawn('sleep', ['60'], { cwd: mounted.directory, stdio: 'ignore' })
  await once(user, 'spawn')
  const startMs = performance.now()
  t.match(said(HOPBINE, 'umount', '--home', home, mounted.directory), { code: 1, text: /is in use/ })
  t.ok(performance.now() - startMs < 10_000)
  t.ok((await fs.readdir(mounted.directory)).length > 0)
  user.kill()
  await once(user, 'close')
  await mounted.remove()
})

t.test('a large directory is read in bounded memory, each name once', async t => {
  const files = 30_000
  await client.mkdirs('/large')
  const name = (index: number): string => `a-name-of-some-length-${String(index).padStart(7, '0')}`
  for (let index = 0; index < files; index += 500) {
    const part = Array.from({ length: 500 }, (_, more) => name(index + more))
    await Promise.all(part.map(file => client.writeFile(`/large/${file}`, '')))
  }
  const mounted = await Mounted.start(home)
  try {
    await mounted.run('ls', '-f', 'large')
    const before = (await memoryOf(mounted.pid)).rssBytes
    for (let time = 0; time < 3; time++) {
      const found = (await mounted.run('ls', '-f', 'large')).trim().split('\n')
      t.equal(new Set(found).size, files + 2)
      t.equal(found.length, files + 2)
    }
    const grown = (await memoryOf(mounted.pid)).rssBytes - before
    t.ok(grown < 48 * MIB, `grew by ${Math.round(grown / MIB)} MiB`)
  } finally {
    await mounted.remove()
  }
})

t.test('ten thousand files are open at once, are read and written, and all are closed again', async t => {
  const files = 10_000
  const mounted = await Mounted.start(home)
  const script = `
import os, resource, sys
resource.setrlimit(resource.RLIMIT_NOFILE, (${files + 100}, ${files + 100}))
os.mkdir('open')
handles = [os.open('open/%d' % index, os.O_CREAT | os.O_RDWR) for index in range(${files})]
for index, handle in enumerate(handles): os.write(handle, b'content of %d' % index)
for index, handle in enumerate(handles): assert os.pread(handle, 100, 0) == b'content of %d' % index
for handle in handles: os.close(handle)
`
  try {
    await mounted.run('python3', '-c', script)
    t.equal((await client.readFile('/open/9999')).toString(), 'content of 9999')
    t.equal((await fs.readdir(mounted.path('open'))).length, files)
  } finally {
    await mounted.remove()
  }
})

t.test('what many files hold unsaved is bounded, and all of it arrives', async t => {
  const [files, pieces] = [10, 480]
  const mounted = await Mounted.start(home)
  // Pieces with gaps between them are gathered until there are 32 MiB of a file.
  const script = `
import os
os.mkdir('held')
handles = [os.open('held/%d' % index, os.O_CREAT | os.O_RDWR) for index in range(${files})]
for piece in range(${pieces}):
    for index, handle in enumerate(handles):
        os.pwrite(handle, bytes([index + 1, piece & 255]) * 32768, piece * 2 * 65536)
print('written', flush=True)
input()
for index, handle in enumerate(handles):
    for piece in range(0, ${pieces}, 37):
        assert os.pread(handle, 65536, piece * 2 * 65536) == bytes([index + 1, piece & 255]) * 32768
    os.close(handle)
`
  const writer = spawn('python3', ['-c', script], {
    cwd: mounted.directory,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  try {
    await once(writer.stdout, 'data')
    const { stdout } = await run(HOPBINE, ['mounts', '--home', home, '--json'])
    const { figures } = JSON.parse(stdout) as { figures: { heldBytes: number } }
    t.ok(figures.heldBytes > 64 * MIB && figures.heldBytes <= 257 * MIB, `${figures.heldBytes / MIB} MiB`)
    writer.stdin.end('\n')
    const [code] = await once(writer, 'exit')
    t.equal(code, 0)
    const status = await client.getFileStatus('/held/9')
    t.equal(status.size, (2 * pieces - 1) * 64 * 1024)
  } finally {
    writer.kill()
    await mounted.remove()
  }
})

async function names(path: string): Promise<string[]> {
  const found: string[] = []
  for await (const { path: entry } of client.listStatus(path)) found.push(entry.split('/').at(-1) ?? '')
  return found
}
