// test-timeout-seconds: 600
/**
 * Holders of leases and a plain client fill a tree with quotas within quotas, which change, across restarts:
 * what a holder answers always fits, and whoever asks the namenode is answered as if nothing were set aside.
 */
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { inodePath, queued } from '../../testing/test-queue.ts'
import { LeaseHolder, localEntry } from '../testing/lease-holder.ts'
import { ServedNamenode } from '../testing/served-namenode.ts'
import { DIRECTORY_LEASE_TIMES } from './lease-times.ts'

const STEPS = 3_000
const RESTART_EVERY = 400
const RENEW_MS = 100
const NAMES = Array.from({ length: 12 }, (_, name) => `f${name}`)
const NEW_FILE = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
const config = { directoryLeaseTimes: { ...DIRECTORY_LEASE_TIMES, backOffMs: 1, backOffMaxMs: 5 } }

/** A directory as the quotas count it. */
class Counted {
  readonly path: string
  readonly above: Counted | undefined
  readonly below: Counted[] = []
  readonly files = new Map<string, number>()
  id = 0
  names = -1
  bytes = -1

  constructor(path: string, above?: Counted) {
    this.path = path
    this.above = above
    above?.below.push(this)
  }

  get usedNames(): number {
    return this.below.reduce((sum, child) => sum + child.usedNames, 1 + this.files.size)
  }

  get usedBytes(): number {
    const own = [...this.files.values()].reduce((sum, size) => sum + size, 0)
    return this.below.reduce((sum, child) => sum + child.usedBytes, own)
  }

  /** Whether so much more fits here and above, up to but without `until`. */
  fits(names: number, bytes: number, until?: Counted): boolean {
    if (this === until) return true
    const isOver =
      (names > 0 && this.names >= 0 && this.usedNames + names > this.names) ||
      (bytes > 0 && this.bytes >= 0 && this.usedBytes + bytes > this.bytes)
    return !isOver && (this.above?.fits(names, bytes, until) ?? true)
  }
}

/** What a call was answered with: 'done', or that it does not fit. */
async function outcome(call: Promise<unknown>): Promise<string> {
  try {
    await call
    return 'done'
  } catch (error) {
    const { code } = error as { code: string }
    return code.endsWith('_QUOTA_EXCEEDED') ? 'too much' : code
  }
}

class Run {
  readonly random = new SeededNumbers(randomRuns(1).seed)
  readonly directories: Counted[] = []
  readonly plain: RpcClient
  readonly holders: readonly LeaseHolder[]
  /** The quota that counts each directory of a holder. */
  readonly roots = new Map<LeaseHolder, Map<number, number>>()
  local = 0
  refused = 0

  constructor(plain: RpcClient, holders: readonly LeaseHolder[]) {
    this.plain = plain
    this.holders = holders
    for (const holder of holders) this.roots.set(holder, new Map())
  }

  pick<T>(values: readonly T[]): T {
    return values[this.random.next(values.length)] as T
  }

  async makeTree(): Promise<void> {
    for (const path of ['/q', '/q/a', '/q/a/in', '/q/b']) {
      const above = this.directories.find(known => known.path === path.slice(0, path.lastIndexOf('/')))
      const made = new Counted(path, above)
      made.id = (await this.plain.call(rpc.mkdir, { path, mode: 0o755 })).status.id
      this.directories.push(made)
    }
  }

  async step(): Promise<void> {
    const directory = this.pick(this.directories)
    const name = this.pick(NAMES)
    const holder = this.random.next(4) === 0 ? undefined : this.pick(this.holders)
    if (holder !== undefined && !holder.held.has(directory.id) && this.random.next(3) > 0) {
      await this.acquire(holder, directory)
    }
    const what = this.random.next(20)
    if (what === 0) return this.setQuota(directory)
    if (what === 1) return this.move(directory, name)
    if (what === 2 && holder !== undefined) return holder.flush()
    if (directory.files.has(name)) return this.remove(holder, directory, name)
    return this.create(holder, directory, name)
  }

  async acquire(holder: LeaseHolder, directory: Counted): Promise<void> {
    const answer = await holder.acquire(directory.id)
    if (answer.granted) this.roots.get(holder)?.set(directory.id, answer.quotaRoot)
  }

  async create(holder: LeaseHolder | undefined, directory: Counted, name: string): Promise<void> {
    const size = this.random.next(40)
    const request = { path: inodePath(directory.id, name), ...NEW_FILE, inline: Buffer.alloc(size) }
    const fits = directory.fits(1, size)
    const entries = holder?.held.get(directory.id)
    const quotaRoot = (holder && this.roots.get(holder)?.get(directory.id)) ?? 0
    const room = quotaRoot === 0 ? undefined : holder?.rooms.get(quotaRoot)
    const hasRoom = quotaRoot === 0 || (room !== undefined && room.names >= 1 && room.diskBytes >= size)
    if (holder !== undefined && entries !== undefined && hasRoom) {
      t.ok(fits, `${directory.path} has the room that was set aside`)
      const inodeId = holder.nextId()
      const charge = { quotaRoot, names: 1, diskBytes: size }
      holder.push(queued(rpc.create, request, { inodeId }), charge)
      entries.set(name, localEntry(inodeId, 'x'.repeat(size)))
      this.local += 1
    } else {
      await holder?.flush()
      const call = (holder?.client ?? this.plain).call(rpc.create, request)
      const said = await outcome(call)
      t.equal(said, fits ? 'done' : 'too much', `a file of ${size} bytes in ${directory.path}`)
      if (!fits) this.refused += 1
      if (!fits) return
      holder?.held.get(directory.id)?.set(name, localEntry(0, ''))
    }
    directory.files.set(name, size)
  }

  async remove(holder: LeaseHolder | undefined, directory: Counted, name: string): Promise<void> {
    const request = { path: inodePath(directory.id, name), recursive: false, only: 0 }
    directory.files.delete(name)
    if (holder?.held.has(directory.id)) {
      holder.push(queued(rpc.remove, request))
      this.local += 1
      return
    }
    await holder?.flush()
    t.equal(await outcome((holder?.client ?? this.plain).call(rpc.remove, request)), 'done')
  }

  async move(directory: Counted, name: string): Promise<void> {
    const to = this.pick(this.directories)
    const size = directory.files.get(name)
    if (size === undefined || to === directory || to.files.has(name)) return
    const above = new Set<Counted>()
    for (let at: Counted | undefined = directory; at !== undefined; at = at.above) above.add(at)
    let common: Counted | undefined = to
    while (common !== undefined && !above.has(common)) common = common.above
    const fits = to.fits(1, size, common)
    const from = { from: `${directory.path}/${name}`, to: `${to.path}/${name}`, mode: rpc.RENAME.replace }
    const said = await outcome(this.plain.call(rpc.rename, from))
    t.equal(said, fits ? 'done' : 'too much', `${size} bytes from ${directory.path} to ${to.path}`)
    if (!fits) return
    directory.files.delete(name)
    to.files.set(name, size)
  }

  async setQuota(directory: Counted): Promise<void> {
    const around = (used: number, more: number): number =>
      this.random.next(4) === 0 ? -1 : Math.max(1, used - 2 + this.random.next(more))
    directory.names = around(directory.usedNames, 20)
    directory.bytes = around(directory.usedBytes, 300)
    const { path, names, bytes } = directory
    await this.plain.call(rpc.setQuota, { path, names, bytes })
  }
}

t.setTimeout(600_000)

t.test('what a holder answers fits, and what the namenode answers is exact', async t => {
  const served = await ServedNamenode.start(t, config)
  const holders = await Promise.all([0, 1].map(() => LeaseHolder.open(served.client())))
  for (const holder of holders) holder.wanted = { names: 10, diskBytes: 200 }
  const renewals = setInterval(() => {
    // While the namenode restarts, the client tries again.
    for (const holder of holders) holder.renew().catch((error: Error) => t.comment(error.message))
  }, RENEW_MS)
  t.teardown(() => clearInterval(renewals))
  const run = new Run(served.client(), holders)
  await run.makeTree()
  for (let at = 1; at <= STEPS; at++) {
    await run.step()
    if (at % RESTART_EVERY !== 0) continue
    await served.stop()
    await served.start(config)
  }
  clearInterval(renewals)
  await Promise.all(holders.map(holder => holder.flush()))
  for (const directory of run.directories) {
    const totals = await run.plain.call(rpc.summary, { path: directory.path })
    t.match(totals, { diskBytes: directory.usedBytes })
    t.equal(totals.files + totals.directories, directory.usedNames, directory.path)
  }
  t.same((await run.plain.call(fsck, { repair: false })).problems, [])
  t.comment(`${run.local} answered by holders, ${run.refused} refused`)
  t.ok(run.local > STEPS / 20 && run.refused > STEPS / 100)
})
