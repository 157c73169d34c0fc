// test-timeout-seconds: 600
/**
 * A leased namespace against a real namenode: every answer is the one that the namenode itself would give,
 * and after a sync the namenode says exactly what was said here, to the nanosecond.
 */
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectSession } from '@hopbine/client/fs/find-server.ts'
import { LeasedNamespace } from '@hopbine/client/leases/leased-namespace.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { makeLogger } from '@hopbine/common/base/log.ts'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import { inodePath } from '@hopbine/common/protocol/inode-path.ts'
import {
  abandon,
  access,
  append,
  chmod,
  chown,
  complete,
  create,
  link,
  list_,
  mkdir,
  mknod,
  open,
  readlink,
  remove,
  rename,
  setQuota,
  stat,
  summary,
  symlink,
  truncate,
  utimes,
} from '@hopbine/common/protocol/metadata.ts'
import { type FileStatus, FLAG, KIND } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller, RpcClient } from '@hopbine/common/rpc/client.ts'
import type { Speaker } from '@hopbine/common/rpc/principal-handles.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import { DIRECTORY_LEASE_TIMES } from '@hopbine/namenode/server/leases/lease-times.ts'
import t, { type Test } from 'tap'
import { bootInProcess, type Cluster } from '../cluster/in-process.ts'

const SPEAKERS: readonly (Speaker | undefined)[] = [
  undefined,
  undefined,
  { user: 'ada', groups: ['ada', 'staff'] },
  { user: 'bob', groups: ['bob'] },
]
const MODES = [0o777, 0o755, 0o700, 0o1777, 0o2775, 0o644, 0o4711, 0o2711, 0o555]
const NAMES = ['a', 'b', 'c', 'd', 'e', 'ü\u{1f600}', 'x'.repeat(256)]
/** Steps of one session; of several they are shared. */
const STEPS = 2_000

/** One tree, reached in one way; a handle is the place of an inode in the order in which inodes were made. */
class World {
  rpc: RpcCaller
  readonly ids: number[]

  constructor(rpc: RpcCaller, root: number) {
    this.rpc = rpc
    this.ids = [root]
  }

  path(handle: number, name?: string): string {
    const path = inodePath(this.ids[handle] as number)
    return name === undefined ? path : `${path}/${name}`
  }

  /** Handles of what has a name; directories count thrice. */
  async live(): Promise<number[]> {
    const found: number[] = []
    for (const [handle, id] of this.ids.entries()) {
      const answer = await outcome(this.rpc.call(stat, { path: inodePath(id), followLast: false }))
      if (typeof answer === 'string') continue
      const isDirectory = (answer as { status: FileStatus }).status.kind === KIND.directory
      found.push(...(isDirectory ? [handle, handle, handle] : [handle]))
    }
    return found
  }

  /** Looks into everything below a directory. */
  async walk(handle: number): Promise<void> {
    const { entries } = await this.rpc.call(list_, { path: this.path(handle), after: '', max: 0 })
    for (const { id, kind } of entries) {
      const child = this.ids.indexOf(id)
      if (kind === KIND.directory && child >= 0) await this.walk(child)
    }
  }

  /** Attributes with the inode as a handle, without times, which two trees do not share. */
  seen(status: FileStatus): Record<string, unknown> {
    const { id, name, kind, mode, owner, group, size, nlink, children, flags, target } = status
    let handle = this.ids.indexOf(id)
    if (handle < 0) handle = this.ids.push(id) - 1
    // Where the bytes are is not said: a small file that grows by a hole may hold zeros.
    return {
      handle,
      name,
      kind,
      mode,
      owner,
      group,
      size,
      nlink,
      children,
      flags: flags & ~FLAG.inline,
      target,
    }
  }
}

type Step = (world: World) => Promise<unknown>

/** Draws a step that means the same in both worlds. */
class Steps {
  readonly #random: SeededNumbers
  readonly #kinds: Readonly<Record<string, Kind>>

  constructor(random: SeededNumbers, kinds: Readonly<Record<string, Kind>>) {
    this.#random = random
    this.#kinds = kinds
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.next(from.length)] as T
  }

  /** `live` are the directories that are known to be there: most steps go there. */
  draw(handles: number, live: readonly number[]): { what: string; step: Step } {
    const speaker = this.#pick(SPEAKERS)
    const any = (): number => (this.#random.next(8) === 0 ? this.#random.next(handles) : this.#pick(live))
    const drawn: Drawn = {
      options: { speaker },
      h: any(),
      g: any(),
      n: this.#pick(NAMES),
      m: this.#pick(NAMES),
      mode: this.#pick(MODES),
      size: this.#pick([0, 1, 100, 5000]),
      how: this.#random.next(3),
      owner: this.#pick([undefined, 'ada', 'bob']),
      group: this.#pick([undefined, 'staff', 'bob']),
    }
    const what = this.#pick(Object.keys(this.#kinds))
    const { h, g, n, m, mode, size } = drawn
    const facts = `${h}/${n} ${g}/${m} ${mode.toString(8)} ${size}`
    const kind = this.#kinds[what] as Kind
    return { what: `${speaker?.user ?? 'root'} ${what} ${facts}`, step: world => kind(world, drawn) }
  }
}

interface Drawn {
  readonly options: { readonly speaker: Speaker | undefined }
  /** Handles and names of two places. */
  readonly h: number
  readonly g: number
  readonly n: string
  readonly m: string
  readonly mode: number
  readonly size: number
  readonly how: number
  readonly owner: string | undefined
  readonly group: string | undefined
}

type Kind = (world: World, drawn: Drawn) => Promise<unknown>

const inside = async (w: World, answer: Promise<{ status: FileStatus }>): Promise<unknown> =>
  w.seen((await answer).status)
const itself = async (w: World, answer: Promise<{ status: FileStatus }>): Promise<unknown> =>
  without(await inside(w, answer))

const KINDS: Readonly<Record<string, Kind>> = {
  mkdir: (w, { h, n, mode, options }) =>
    inside(w, w.rpc.call(mkdir, { path: w.path(h, n), mode, umask: undefined }, options)),
  async create(w, { h, n, mode, size, options }) {
    const path = w.path(h, n)
    // Through a link the namenode would make the file elsewhere; a kernel never asks that.
    if (typeof (await outcome(w.rpc.call(stat, { path, followLast: false }))) !== 'string') return 'there'
    const kept = { ifExists: 0, createParents: false, replication: 0, blockSize: 0, umask: undefined }
    const inline = Buffer.alloc(size, 7)
    return inside(w, w.rpc.call(create, { path, mode, ...kept, inline }, options))
  },
  symlink: (w, { h, n, m, options }) =>
    inside(w, w.rpc.call(symlink, { path: w.path(h, n), target: m }, options)),
  mknod: (w, { h, n, mode, options }) => {
    const request = { path: w.path(h, n), kind: KIND.charDevice, mode, device: '1:3', umask: undefined }
    return inside(w, w.rpc.call(mknod, request, options))
  },
  link: (w, { h, g, n, options }) =>
    inside(w, w.rpc.call(link, { from: w.path(h), to: w.path(g, n) }, options)),
  unlink: (w, { h, n, options }) =>
    w.rpc.call(remove, { path: w.path(h, n), recursive: false, only: 1, keepOpen: undefined }, options),
  rmdir: (w, { h, n, options }) =>
    w.rpc.call(remove, { path: w.path(h, n), recursive: false, only: 2, keepOpen: undefined }, options),
  rename: (w, { h, n, g, m, how, options }) =>
    w.rpc.call(rename, { from: w.path(h, n), to: w.path(g, m), mode: how, keepOpen: undefined }, options),
  chmod: (w, { h, mode, options }) => itself(w, w.rpc.call(chmod, { path: w.path(h), mode }, options)),
  chown: (w, { h, owner, group, options }) =>
    itself(w, w.rpc.call(chown, { path: w.path(h), owner, group }, options)),
  utimes: (w, { h, size, options }) => {
    const request = { path: w.path(h), atime: { seconds: size, nanos: 5 }, mtime: undefined }
    return itself(w, w.rpc.call(utimes, request, options))
  },
  truncate: (w, { h, size, options }) => itself(w, w.rpc.call(truncate, { path: w.path(h), size }, options)),
  async write(w, { h, size, options }) {
    const { status } = await w.rpc.call(append, { path: w.path(h) }, options)
    const request = { inodeId: status.id, extents: [], size, inline: Buffer.alloc(size, 9) }
    try {
      return await itself(w, w.rpc.call(complete, request))
    } catch (error) {
      // As a mount does, it gives up what does not fit.
      await w.rpc.call(abandon, { inodeId: status.id })
      throw error
    }
  },
  stat: (w, { h, n, options }) =>
    inside(w, w.rpc.call(stat, { path: w.path(h, n), followLast: false }, options)),
  access: (w, { h, size, options }) =>
    itself(w, w.rpc.call(access, { path: w.path(h), wanted: size % 8 }, options)),
  readlink: (w, { h, options }) => w.rpc.call(readlink, { path: w.path(h) }, options),
  async open(w, { h, options }) {
    const answer = await w.rpc.call(open, { path: w.path(h), offset: 0, length: 65_536 }, options)
    const bytes = Buffer.alloc(answer.status.size)
    bytes.set(answer.inline ?? [])
    return bytes.toString('latin1').replace(/(.)\1*/gs, '$1')
  },
  async list(w, { h, options }) {
    const { entries, more } = await w.rpc.call(list_, { path: w.path(h), after: '', max: 3 }, options)
    return { entries: entries.map(entry => w.seen(entry)), more }
  },
}

/** Quotas that are soon reached, and are changed on the way. */
const QUOTA_KINDS: Readonly<Record<string, Kind>> = {
  ...KINDS,
  create2: KINDS.create as Kind,
  write2: KINDS.write as Kind,
  async setQuota(w, { h, size, how, mode }) {
    // Seldom: it takes every lease below.
    if (mode !== 0o700) return 'not now'
    const names = how === 0 ? -1 : 3 + (size % 40)
    const bytes = how === 1 ? -1 : 2 * size + 1
    return w.rpc.call(setQuota, { path: w.path(h), names, bytes })
  },
  async summary(w, { h, mode }) {
    if (mode !== 0o755) return 'not now'
    const { owner, ...totals } = await w.rpc.call(summary, { path: w.path(h) })
    return totals
  },
}

/** A path that names an inode answers one of its names, and which one is not said. */
function without(seen: unknown): unknown {
  const { name, ...rest } = seen as Record<string, unknown>
  return { ...rest, named: typeof name }
}

async function outcome(work: Promise<unknown>): Promise<unknown> {
  try {
    return await work
  } catch (error) {
    if (!isFsError(error)) throw error
    return error.code
  }
}

/** Sessions with leases on one namenode, and a tree that they share beside one without. */
class Field {
  readonly cluster: Cluster
  readonly plain: RpcClient
  readonly sessions: readonly { readonly rpc: RpcClient; readonly leased: LeasedNamespace }[]
  readonly reference: World
  readonly tested: World

  private constructor(parts: Pick<Field, 'cluster' | 'plain' | 'sessions'>, roots: readonly number[]) {
    this.cluster = parts.cluster
    this.plain = parts.plain
    this.sessions = parts.sessions
    this.reference = new World(parts.plain, roots[0] as number)
    this.tested = new World(parts.plain, roots[1] as number)
  }

  /** `idleMs`: leases that nobody uses for so long are given back. */
  static async open(count: number, idleMs?: number): Promise<Field> {
    const backOff = { backOffMs: 1, backOffMaxMs: 20 }
    const directoryLeaseTimes = { ...DIRECTORY_LEASE_TIMES, ...backOff }
    const cluster = await bootInProcess({ datanodes: 0, namenode: { directoryLeaseTimes } })
    const plain = await connectSession({ home: cluster.home })
    const roots: number[] = []
    for (const path of ['/plain', '/leased']) {
      const { status } = await plain.call(mkdir, { path, mode: 0o777, umask: undefined })
      await plain.call(chmod, { path, mode: 0o777 })
      roots.push(status.id)
    }
    const sessions = []
    for (let at = 0; at < count; at++) {
      const rpc = await connectSession({ home: cluster.home })
      const journalPath = join(cluster.home, 'run', `test${at}.journal`)
      const logger = makeLogger('test', 'error')
      const idle = idleMs === undefined ? {} : { idleMs }
      const options = { rpc, journalPath, owner: '', logger, ...idle }
      sessions.push({ rpc, leased: await LeasedNamespace.open(options) })
    }
    return new Field({ cluster, plain, sessions }, roots)
  }

  async close(): Promise<void> {
    for (const { leased } of this.sessions) {
      await leased.finish(10_000)
      leased.close()
    }
    this.plain.close()
    await this.cluster.stop()
  }

  sum(key: 'local' | 'forwarded' | 'operations' | 'batches' | 'recalls' | 'acquired' | 'lost'): number {
    return this.sessions.reduce((total, { leased }) => total + leased.counters[key], 0)
  }
}

/** True if every answer was the namenode's own. `burst`: steps that one session takes in a row. */
async function sameHistory(t: Test, field: Field, burst: number, kinds = KINDS): Promise<boolean> {
  const { reference, tested, sessions } = field
  const random = new SeededNumbers(randomRuns(1).seed)
  const steps = new Steps(random, kinds)
  const trace: string[] = []
  let live: number[] = []
  let actor = 0
  for (let count = 0; count < STEPS / sessions.length; count++) {
    if (count % 20 === 0) live = await reference.live()
    const before = actor
    if (random.next(burst) === 0) actor = random.next(sessions.length)
    tested.rpc = (sessions[actor] as Field['sessions'][number]).leased
    // As a kernel does, it comes to what others made by names.
    if (actor !== before) await tested.walk(0)
    const { what, step } = steps.draw(reference.ids.length, live)
    const expected = await outcome(step(reference))
    trace.push(`${count} ${actor} ${what} -> ${JSON.stringify(expected)}`.slice(0, 200))
    const found = await outcome(step(tested))
    if (JSON.stringify(found) !== JSON.stringify(expected)) {
      t.same(found, expected, `step ${count} of session ${actor}: ${what}`)
      const last = Number(process.env.HOPBINE_TEST_TRACE ?? 0)
      if (last > 0) t.comment(trace.slice(-last).join('\n'))
      return false
    }
    if (random.next(100) === 0) await (sessions[actor] as Field['sessions'][number]).leased.sync()
  }
  const counts = ['local', 'forwarded', 'operations', 'batches', 'recalls', 'acquired'] as const
  t.comment(counts.map(key => `${key} ${field.sum(key)}`).join(', '))
  t.ok(field.sum('local') > 60 / sessions.length, 'many were answered here')
  t.equal(field.sum('lost'), 0)
  return true
}

t.setTimeout(600_000)

t.test('a random history is answered as by the namenode, which ends with the same', async t => {
  const field = await Field.open(1)
  t.teardown(() => field.close())
  if (!(await sameHistory(t, field, 1))) return
  const { tested, sessions } = field
  const { rpc, leased } = sessions[0] as Field['sessions'][number]
  const known: unknown[] = []
  for (const id of tested.ids)
    known.push(await outcome(leased.call(stat, { path: inodePath(id), followLast: false })))
  await leased.sync()
  for (const [at, id] of tested.ids.entries()) {
    const told = await outcome(rpc.call(stat, { path: inodePath(id), followLast: false }))
    t.same(bare(told), bare(known[at]), `inode ${id}`)
  }
})

t.test('what is idle is given back, and leased again when it is used', async t => {
  const field = await Field.open(1, 25)
  t.teardown(() => field.close())
  const { leased } = field.sessions[0] as Field['sessions'][number]
  if (!(await sameHistory(t, field, 1))) return
  while (leased.figures().directories !== 0) await sleep(5)
  t.ok(leased.counters.idle > 0, `${leased.counters.idle} directories were given back`)
  const before = leased.counters.acquired
  await leased.call(mkdir, { path: field.tested.path(0, 'again'), mode: 0o755, umask: 0 })
  t.equal(leased.counters.acquired, before + 1)
})

t.test('two sessions that recall from one another see one history', async t => {
  for (const burst of [3, 12]) {
    const field = await Field.open(2)
    try {
      if (!(await sameHistory(t, field, burst))) return
      t.ok(field.sum('recalls') > 20, `${field.sum('recalls')} recalls`)
    } finally {
      await field.close()
    }
  }
})

t.test('below quotas, every answer is the one that the namenode gives, at the limit and before', async t => {
  for (const [sessions, burst, limit] of [
    [1, 1, { names: 60, bytes: 40_000 }],
    [2, 12, { names: 60, bytes: 40_000 }],
    [3, 5, { names: 200, bytes: 1_000_000 }],
  ] as const) {
    const field = await Field.open(sessions)
    try {
      for (const path of ['/plain', '/leased']) await field.plain.call(setQuota, { path, ...limit })
      if (!(await sameHistory(t, field, burst, QUOTA_KINDS))) return
      for (const { leased } of field.sessions) await leased.sync()
      t.same((await field.plain.call(fsck, { repair: false })).problems, [])
      const totals = await Promise.all(['/plain', '/leased'].map(path => field.plain.call(summary, { path })))
      t.same(totals[1], totals[0])
    } finally {
      await field.close()
    }
  }
})

function bare(answer: unknown): unknown {
  if (typeof answer === 'string') return answer
  const { name, generation, flags, ...rest } = (answer as { status: FileStatus }).status
  return { ...rest, flags: flags & ~FLAG.inline }
}
