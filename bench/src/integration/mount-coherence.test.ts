// test-timeout-seconds: 900
/**
 * Two mounts of one cluster, whose kernels cache what they saw: a change made on one is seen by the next call
 * on the other. `HOPBINE_COHERENCE_FACTOR` multiplies the number of steps.
 */
import * as fs from 'node:fs'
import * as fsp from 'node:fs/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import t, { type Test } from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NO MOUNT WAS TESTED')

const FACTOR = Number(process.env.HOPBINE_COHERENCE_FACTOR ?? 1)
const STEPS = 2_000 * FACTOR
const RACES = 10_000 * FACTOR
/** A deadlock between two kernels and two daemons ends never; this is far above what the work takes. */
const RACE_MS_MAX = 300_000 * FACTOR
const seed = Number(process.env.HOPBINE_SEED ?? Math.floor(Math.random() * 1e9))

t.setTimeout(900_000 * FACTOR)
t.comment(`seed ${seed}`)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
let a: Mounted
let b: Mounted
t.teardown(async () => {
  await a.remove()
  await b.remove()
  await cluster.close()
})

/** Two mounts of a directory of their own, in the place of those before. */
async function mountBoth(name: string, ...args: string[]): Promise<void> {
  const client = await FileSystem.connect({ home: cluster.home.path })
  await client.mkdir(`/${name}`)
  client.close()
  if (a !== undefined) await Promise.all([a.remove(), b.remove()])
  a = await Mounted.start(cluster.home.path, ...args, `/${name}`)
  b = await Mounted.start(cluster.home.path, ...args, `/${name}`)
}

/** Mulberry32: small, and good enough to choose by. */
class Random {
  #state: number

  constructor(start: number) {
    this.#state = start
  }

  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0
    let x = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state)
    x = (x + Math.imul(x ^ (x >>> 7), 61 | x)) ^ x
    return Math.floor((((x ^ (x >>> 14)) >>> 0) / 2 ** 32) * limit)
  }

  pick<T>(items: readonly T[]): T {
    return items[this.below(items.length)] as T
  }
}

interface FileModel {
  readonly kind: 'file'
  content: string
  mode: number
}
interface DirectoryModel {
  readonly kind: 'directory'
  mode: number
}
type Model = Map<string, FileModel | DirectoryModel>

/** What a name is, as one text. */
function seenAt(mount: Mounted, path: string): string {
  const found = fs.statSync(mount.path(path), { throwIfNoEntry: false })
  if (found === undefined) return 'nothing'
  const mode = (found.mode & 0o7777).toString(8)
  return found.isDirectory() ? `directory ${mode}` : `file ${mode} ${found.size}`
}

function expectedAt(model: Model, path: string): string {
  const known = model.get(path)
  if (known === undefined) return 'nothing'
  const mode = known.mode.toString(8)
  return known.kind === 'directory' ? `directory ${mode}` : `file ${mode} ${known.content.length}`
}

const DIRECTORIES = ['/r/d0', '/r/d1', '/r/d2']
const NAMES = ['n0', 'n1', 'n2', 'n3']

function parentOf(path: string): string {
  return path.slice(0, path.lastIndexOf('/'))
}

function childrenOf(model: Model, directory: string): string[] {
  return [...model.keys()]
    .filter(path => parentOf(path) === directory)
    .map(path => path.slice(directory.length + 1))
}

/** Changes something at random, on the mount and in the model; answers the paths concerned. */
function change(mount: Mounted, model: Model, random: Random): { what: string; paths: string[] } {
  const path = `${random.pick(DIRECTORIES)}/${random.pick(NAMES)}`
  const other = `${random.pick(DIRECTORIES)}/${random.pick(NAMES)}`
  const at = model.get(path)
  const content = 'x'.repeat(random.below(40)) + random.below(1e6)
  if (!model.has(parentOf(path))) {
    fs.mkdirSync(mount.path(parentOf(path)), { mode: 0o755 })
    model.set(parentOf(path), { kind: 'directory', mode: 0o755 })
    return { what: 'mkdir', paths: [parentOf(path)] }
  }
  if (at === undefined) {
    if (random.below(8) === 0 && childrenOf(model, parentOf(path)).length === 0) {
      fs.rmdirSync(mount.path(parentOf(path)))
      model.delete(parentOf(path))
      return { what: 'rmdir', paths: [parentOf(path)] }
    }
    fs.writeFileSync(mount.path(path), content, { mode: 0o644 })
    model.set(path, { kind: 'file', content, mode: 0o644 })
    return { what: 'create', paths: [path] }
  }
  const file = at as FileModel
  switch (random.below(6)) {
    case 0: {
      fs.writeFileSync(mount.path(path), content)
      file.content = content
      return { what: 'write', paths: [path] }
    }
    case 1: {
      const size = random.below(file.content.length + 1)
      fs.truncateSync(mount.path(path), size)
      file.content = file.content.slice(0, size)
      return { what: 'truncate', paths: [path] }
    }
    case 2: {
      file.mode = 0o600 + random.below(0o100)
      fs.chmodSync(mount.path(path), file.mode)
      return { what: 'chmod', paths: [path] }
    }
    case 3: {
      fs.unlinkSync(mount.path(path))
      model.delete(path)
      return { what: 'unlink', paths: [path] }
    }
    default: {
      if (other === path || !model.has(parentOf(other))) return { what: 'nothing', paths: [] }
      fs.renameSync(mount.path(path), mount.path(other))
      model.set(other, file)
      model.delete(path)
      return { what: 'rename', paths: [path, other] }
    }
  }
}

/** Brings caches of a mount up to date with everything, names that are not there among it. */
function warm(mount: Mounted): void {
  for (const directory of DIRECTORIES) {
    for (const name of NAMES) fs.statSync(mount.path(`${directory}/${name}`), { throwIfNoEntry: false })
  }
}

async function exists(mount: Mounted, path: string): Promise<boolean> {
  try {
    await fsp.stat(mount.path(path))
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}

type Body = (t: Test, share: number) => Promise<void>
const tests: { readonly title: string; readonly body: Body }[] = []

/** A test of both ways in which mounts work; `share` says how many of the steps are taken. */
function inBothWays(title: string, body: Body): void {
  tests.push({ title, body })
}

inBothWays('what one mount changes, the other sees by its next call', async (t, share) => {
  const random = new Random(seed)
  fs.mkdirSync(a.path('r'))
  const model: Model = new Map([['/r', { kind: 'directory', mode: 0o755 }]])
  /** Files that each mount has open, by path. */
  const open = new Map<string, number>()
  const wrong: string[] = []
  const counts = new Map<string, number>()
  for (let step = 0; step < STEPS * share && wrong.length < 10; step++) {
    const [actor, watcher] = random.below(2) === 0 ? [a, b] : [b, a]
    if (random.below(3) > 0) warm(watcher)
    const key = (path: string): string => `${watcher === a ? 'a' : 'b'}${path}`
    for (const [path, { kind }] of model) {
      if (kind !== 'file' || open.has(key(path)) || random.below(4) > 0) continue
      const fd = fs.openSync(watcher.path(path), 'r')
      open.set(key(path), fd)
      fs.readSync(fd, Buffer.alloc(64), 0, 64, 0)
    }
    const { what, paths } = change(actor, model, random)
    counts.set(what, (counts.get(what) ?? 0) + 1)
    for (const path of paths) {
      const expected = expectedAt(model, path)
      const way = random.below(3)
      const fd = open.get(key(path))
      const known = model.get(path)
      if (what !== 'unlink' && what !== 'rename' && fd !== undefined && known?.kind === 'file' && way === 0) {
        const seen = Buffer.alloc(64)
        const length = fs.readSync(fd, seen, 0, 64, 0)
        if (seen.toString('latin1', 0, length) !== known.content)
          wrong.push(`step ${step}: pread after ${what} of ${path}`)
      } else if (way === 1) {
        const names = fs.readdirSync(watcher.path(parentOf(path))).sort()
        const wanted = childrenOf(model, parentOf(path)).sort()
        if (names.join() !== wanted.join())
          wrong.push(`step ${step}: ls after ${what}: ${names} for ${wanted}`)
      }
      const seen = seenAt(watcher, path)
      if (seen !== expected)
        wrong.push(`step ${step}: stat after ${what} of ${path}: ${seen} for ${expected}`)
      const again = seenAt(actor, path)
      if (again !== expected) wrong.push(`step ${step}: own stat after ${what} of ${path}: ${again}`)
    }
    // What lost its name, or has another, is no longer what the model knows under this one.
    if (what === 'unlink' || what === 'rename') {
      for (const side of ['a', 'b']) {
        for (const path of paths) {
          const fd = open.get(side + path)
          if (fd !== undefined) fs.closeSync(fd)
          open.delete(side + path)
        }
      }
    }
  }
  for (const fd of open.values()) fs.closeSync(fd)
  t.comment(JSON.stringify(Object.fromEntries(counts)))
  t.same(wrong, [])
  for (const path of model.keys()) {
    t.equal(seenAt(a, path), expectedAt(model, path))
    t.equal(seenAt(b, path), expectedAt(model, path))
  }
})

inBothWays('a warm stat asks nobody, and still sees what the other mount does', async t => {
  fs.writeFileSync(a.path('warm'), 'one')
  const count = async (): Promise<number> => {
    const { operations } = await b.figures()
    return ['lookup', 'getattr'].reduce((sum, name) => sum + (operations[name]?.count ?? 0), 0)
  }
  fs.statSync(b.path('warm'))
  const before = await count()
  for (let i = 0; i < 100; i++) fs.statSync(b.path('warm'))
  t.ok((await count()) - before <= 2, 'a hundred times from the cache')
  fs.writeFileSync(a.path('warm'), 'three')
  t.equal(fs.statSync(b.path('warm')).size, 5)
  t.throws(() => fs.statSync(b.path('cold')), { code: 'ENOENT' })
  const negative = await count()
  for (let i = 0; i < 100; i++) t.notOk(fs.existsSync(b.path('cold')))
  t.ok((await count()) - negative <= 2, 'also that there is nothing')
  fs.writeFileSync(a.path('cold'), '')
  t.ok(fs.existsSync(b.path('cold')))
})

inBothWays('bytes of the same length under the old time are seen, too', async t => {
  const write = (content: string): void => {
    fs.writeFileSync(a.path('same'), content, { flag: fs.existsSync(a.path('same')) ? 'r+' : 'w' })
    fs.utimesSync(a.path('same'), 1e9, 1e9)
  }
  write('one')
  const fd = fs.openSync(b.path('same'), 'r')
  const seen = Buffer.alloc(8)
  const read = (): string => seen.toString('latin1', 0, fs.readSync(fd, seen, 0, 8, 0))
  t.equal(read(), 'one')
  for (const content of ['two', 'three', 'seven', 'eight', 'basil']) {
    write(content)
    if (content === 'seven') t.equal(fs.statSync(b.path('same')).size, 5)
    t.equal(read(), content)
    t.equal(fs.readFileSync(b.path('same'), 'utf8'), content)
  }
  fs.closeSync(fd)
  write('later')
  t.equal(fs.readFileSync(b.path('same'), 'utf8'), 'later')
})

inBothWays(
  'both mounts change one directory at once, and each sees what the other has done',
  async (t, share) => {
    fs.mkdirSync(a.path('both'))
    const wrong: string[] = []
    const play = async (actor: Mounted, watcher: Mounted, prefix: string, random: Random): Promise<void> => {
      for (let step = 0; step < (STEPS / 4) * share; step++) {
        const from = `both/${prefix}${random.below(4)}`
        const to = `both/${prefix}${random.below(4)}x`
        await exists(watcher, from)
        await exists(watcher, to)
        await fsp.writeFile(actor.path(from), String(step))
        if (!(await exists(watcher, from))) wrong.push(`${step}: ${from} was made`)
        await fsp.rename(actor.path(from), actor.path(to))
        if (await exists(watcher, from)) wrong.push(`${step}: ${from} moved away`)
        if ((await fsp.readFile(watcher.path(to), 'utf8')) !== String(step))
          wrong.push(`${step}: ${to} has come`)
        if (random.below(2) === 0) continue
        await fsp.unlink(actor.path(to))
        if (await exists(watcher, to)) wrong.push(`${step}: ${to} is gone`)
      }
    }
    await Promise.all([play(a, b, 'a', new Random(seed + 1)), play(b, a, 'b', new Random(seed + 2))])
    t.same(wrong.slice(0, 10), [])
  },
)

inBothWays(
  'two mounts that make and rename the same names in one directory never wait for each other',
  async (t, share) => {
    fs.mkdirSync(a.path('race'))
    const startedMs = performance.now()
    // Killed daemons fail every call that hangs, so that the test ends.
    const watchdog = setTimeout(() => void Promise.all([a.crash(), b.crash()]), RACE_MS_MAX)
    const expected = new Set(['ENOENT', 'EEXIST', 'ESTALE', 'EBUSY'])
    const attempt = async (work: Promise<unknown>): Promise<void> => {
      try {
        await work
      } catch (error) {
        if (!expected.has((error as NodeJS.ErrnoException).code ?? '')) throw error
      }
    }
    const play = async (mount: Mounted, own: string, random: Random): Promise<void> => {
      for (let step = 0; step < (RACES / 4) * share; step++) {
        const name = mount.path(`race/${random.below(8)}`)
        await attempt(fsp.writeFile(mount.path(`race/${own}`), own))
        await attempt(fsp.rename(mount.path(`race/${own}`), name))
        await attempt(fsp.stat(mount.path(`race/${random.below(8)}`)))
        if (random.below(3) === 0) await attempt(fsp.unlink(name))
      }
    }
    // Two at a time on each mount: one may hold the directory's lock in the kernel while another looks.
    await Promise.all(
      [a, b, a, b].map((mount, index) => play(mount, `own${index}`, new Random(seed + index))),
    )
    clearTimeout(watchdog)
    const seconds = (performance.now() - startedMs) / 1000
    t.comment(`${RACES * share} makes and renames in ${seconds.toFixed(1)} s`)
    for (const mount of [a, b]) t.comment(JSON.stringify((await mount.figures()).invalidations))
    t.ok(seconds * 1000 < RACE_MS_MAX)
    t.same(fs.readdirSync(a.path('race')).sort(), fs.readdirSync(b.path('race')).sort())
  },
)

inBothWays('what a mount that looks on costs a writer', async t => {
  fs.mkdirSync(a.path('cost'))
  const measure = async (name: string, look: () => Promise<unknown>): Promise<number> => {
    const times: number[] = []
    for (let i = 0; i < 400; i++) {
      await look()
      const from = performance.now()
      await fsp.mkdir(a.path(`cost/${name}${i}`))
      times.push(performance.now() - from)
    }
    times.sort((x, y) => x - y)
    const [p50, p99] = [times[200] as number, times[396] as number]
    t.comment(`${name}: p50 ${p50.toFixed(2)} ms, p99 ${p99.toFixed(2)} ms`)
    return p50
  }
  await measure('alone', async () => undefined)
  const interested = await measure('watched', () => fsp.readdir(b.path('cost')))
  t.ok(interested < 50, 'a round trip, not a lifetime')
})

for (const { mode, args, share } of [
  { mode: 'every change goes to the namenode', args: ['--sync'], share: 1 },
  { mode: 'with directory leases', args: [], share: 0.3 },
]) {
  t.test(mode, async () => mountBoth(mode.replaceAll(' ', '-'), ...args))
  for (const { title, body } of tests) t.test(title, async t => body(t, share))
}

t.test('a mount that does not answer delays a change until its time is over, and no other', async t => {
  await mountBoth('silent', '--sync')
  fs.mkdirSync(a.path('d'))
  fs.readdirSync(b.path('d'))
  process.kill(b.pid, 'SIGSTOP')
  const timed = async (work: Promise<unknown>): Promise<number> => {
    const from = performance.now()
    await work
    return performance.now() - from
  }
  const waited = await timed(fsp.writeFile(a.path('d', 'x'), 'x'))
  t.ok(waited < 2_500, `${waited} ms`)
  t.ok((await timed(fsp.writeFile(a.path('d', 'y'), 'y'))) < 700)
  process.kill(b.pid, 'SIGCONT')
  t.same(fs.readdirSync(b.path('d')).sort(), ['x', 'y'])
  t.equal(fs.readFileSync(b.path('d', 'x'), 'utf8'), 'x')
})

t.test('a namenode that starts again keeps the caches true', async t => {
  await mountBoth('restarted', '--sync')
  for (let round = 0; round < 3; round++) {
    fs.writeFileSync(a.path('f'), 'x'.repeat(round + 1))
    t.equal(fs.statSync(b.path('f')).size, round + 1)
    t.notOk(fs.existsSync(b.path(`new${round}`)))
    await cluster.end('namenode', 'SIGKILL')
    await cluster.startAgain('namenode')
    await fsp.mkdir(a.path(`new${round}`))
    t.ok(fs.existsSync(b.path(`new${round}`)), 'what was told before the restart')
    await fsp.rmdir(a.path(`new${round}`))
    t.notOk(fs.existsSync(b.path(`new${round}`)))
  }
})
