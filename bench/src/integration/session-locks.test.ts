// test-timeout-seconds: 300
/**
 * Sessions that lock at random, give up waits, and lose their namenode in between: whatever is granted must
 * be free at that moment by what was granted before, and everything must end.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { SessionLocks } from '@hopbine/client/locks/session-locks.ts'
import { LOCK_END, LOCK_TYPE, type LockType } from '@hopbine/common/locks/lock-pieces.ts'
import { type HeldLock, LOCK_KIND, type LockPlace } from '@hopbine/common/locks/lock-queue.ts'
import { LockTable, WHOLE_FILE } from '@hopbine/common/locks/lock-table.ts'
import { LOCK_RENEW_MS } from '@hopbine/common/protocol/locks.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import type { Door } from '../load/messages.ts'

const SESSIONS = 3
const OWNERS = 4
const INODES = 40
const BYTES = 20

t.setTimeout(300_000)
const { seed, numRuns: STEPS } = randomRuns(400)
const cluster = await ProcessCluster.open({ datanodes: 0, mustOwn: true, keep: false, transport: 'unix' })
t.teardown(() => cluster.close())

interface Seen {
  /** What all sessions hold, as far as their answers tell; never more than they do. */
  readonly table: LockTable
  readonly wrong: string[]
  readonly count: Record<string, number>
}

/** One owner of one session: one thing after the other, as a program with one thread. */
class Actor {
  readonly #locks: SessionLocks
  readonly #session: number
  readonly #name: string
  readonly #random: SeededNumbers
  readonly #seen: Seen

  constructor(locks: SessionLocks, session: number, name: string, seen: Seen) {
    this.#locks = locks
    this.#session = session
    this.#name = name
    this.#random = new SeededNumbers(seed + session * 100 + Number(name))
    this.#seen = seen
  }

  async run(): Promise<void> {
    for (let step = 0; step < STEPS; step++) {
      const kind = this.#random.next(4) === 0 ? LOCK_KIND.flock : LOCK_KIND.posix
      const place = { inodeId: 1_000 + this.#random.next(INODES), kind }
      if (this.#random.next(3) === 0) await this.#unlock(place)
      else await this.#lock(place)
      if (this.#random.next(8) === 0) await this.#unlockAll()
    }
    await this.#unlockAll()
  }

  async #lock(place: LockPlace): Promise<void> {
    const { table, wrong, count } = this.#seen
    const wanted = this.#wanted(place)
    const key = this.#keyOf(wanted)
    // From when it is asked for, what is held may become weaker, and a BSD lock may be given up.
    if (place.kind === LOCK_KIND.flock) table.unlock(place, key, WHOLE_FILE)
    else if (wanted.type === LOCK_TYPE.read) this.#weaken(place, wanted, key)
    const handle = this.#session * 1_000_000 + place.inodeId * 100 + Number(this.#name)
    const controller = new AbortController()
    const ask = { place, wanted, handle, wait: this.#random.next(3) === 0, signal: controller.signal }
    const timer = setTimeout(() => controller.abort(), 5 + this.#random.next(400))
    const result = this.#locks.tryNow(ask) ?? (await this.#locks.lock(ask).catch(giveUpOnly))
    clearTimeout(timer)
    const name = typeof result === 'object' ? 'refused' : result
    count[name] = (count[name] ?? 0) + 1
    if (result !== 'granted') return
    const conflict = table.test(place, { ...wanted, owner: key })
    if (conflict !== undefined)
      wrong.push(`${key} got ${JSON.stringify(wanted)} with ${JSON.stringify(conflict)}`)
    table.note(place, { ...wanted, owner: key })
  }

  async #unlock(place: LockPlace): Promise<void> {
    const wanted = this.#wanted(place)
    this.#seen.table.unlock(place, this.#keyOf(wanted), wanted)
    await this.#locks.unlock(place, wanted.owner, wanted)
  }

  async #unlockAll(): Promise<void> {
    for (let inodeId = 1_000; inodeId < 1_000 + INODES; inodeId++) {
      for (const kind of [LOCK_KIND.posix, LOCK_KIND.flock] as const) {
        const place = { inodeId, kind }
        const { owner } = this.#wanted(place)
        this.#seen.table.unlock(place, `${this.#session} ${owner}`, WHOLE_FILE)
        await this.#locks.unlock(place, owner, WHOLE_FILE)
      }
    }
  }

  #weaken(place: LockPlace, wanted: HeldLock, key: string): void {
    const { table } = this.#seen
    for (const piece of table.piecesOf(place, key)) {
      const [start, end] = [Math.max(piece.start, wanted.start), Math.min(piece.end, wanted.end)]
      if (start <= end) table.note(place, { ...piece, start, end, type: LOCK_TYPE.read })
    }
  }

  #wanted(place: LockPlace): HeldLock {
    const isFlock = place.kind === LOCK_KIND.flock
    const start = this.#random.next(BYTES)
    const length = this.#random.next(BYTES)
    return {
      owner: isFlock ? `${this.#name}.${place.inodeId}` : this.#name,
      type: this.#random.next(2) as LockType,
      start: isFlock ? 0 : start,
      end: isFlock || length === 0 ? LOCK_END : start + length,
      pid: 1,
    }
  }

  #keyOf({ owner }: HeldLock): string {
    return `${this.#session} ${owner}`
  }
}

/** The one failure that may come: it was given up while the namenode was away. */
function giveUpOnly(error: unknown): 'given-up' {
  if ((error as { code?: string }).code === 'CANCELLED') return 'given-up'
  throw error
}

t.test('nothing is granted twice, nothing is lost, and everything ends, also over a restart', async t => {
  const door = await cluster.door()
  const seen: Seen = { table: new LockTable(), wrong: [], count: {} }
  const lost: number[] = []
  const sessions = await Promise.all(
    Array.from({ length: SESSIONS }, async () => {
      const client = new RpcClient(door)
      t.teardown(() => client.close())
      const locks = new SessionLocks(client, {
        settle: () => sleep(1),
        lost: inodeId => lost.push(inodeId),
      })
      await locks.start()
      return locks
    }),
  )
  const actors = sessions.flatMap((locks, session) =>
    Array.from({ length: OWNERS }, (_, name) => new Actor(locks, session, String(name), seen).run()),
  )
  await sleep(1_500)
  await cluster.end('namenode', 'SIGKILL')
  await sleep(300)
  await cluster.startAgain('namenode')
  await Promise.all(actors)
  t.same(seen.wrong, [])
  t.same(lost, [])
  t.equal(seen.table.held, 0)
  const figures = sessions.map(locks => locks.figures())
  t.comment(JSON.stringify({ ...seen.count, figures }))
  for (const { held, waiting } of figures) t.same([held, waiting], [0, 0])
  for (const name of ['granted', 'refused', 'cancelled']) t.ok((seen.count[name] ?? 0) > 10, name)
  t.ok(
    figures.some(({ recalls = 0 }) => recalls > 0),
    'delegations were recalled',
  )
  // What nobody waited for is made good with the next word of a session.
  await sleep(LOCK_RENEW_MS + 1_000)
  t.same(await takenOf(door), [], 'the namenode holds nothing either')
  for (const locks of sessions) await locks.end()
})

/** Inodes of which somebody holds something. */
async function takenOf(door: Door): Promise<number[]> {
  const client = new RpcClient(door)
  const locks = new SessionLocks(client, { settle: () => sleep(1), lost: () => undefined })
  await locks.start()
  const taken: number[] = []
  for (let inodeId = 1_000; inodeId < 1_000 + INODES; inodeId++) {
    for (const kind of [LOCK_KIND.posix, LOCK_KIND.flock] as const) {
      const wanted = { owner: `f${inodeId}`, type: LOCK_TYPE.write, ...WHOLE_FILE, pid: 1 }
      const { signal } = new AbortController()
      const ask = { place: { inodeId, kind }, wanted, handle: inodeId, wait: false, signal }
      if ((await locks.lock(ask)) !== 'granted') taken.push(inodeId)
    }
  }
  await locks.end()
  client.close()
  return taken
}
