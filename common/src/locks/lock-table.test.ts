/** The lock table against a model that knows single bytes, and what must hold whatever is asked. */
import t, { type Test } from 'tap'
import { randomRuns, SeededNumbers } from '../testing/random-runs.ts'
import { LockModel, MODEL_BYTES } from './lock-model.ts'
import { LOCK_END, LOCK_TYPE, type LockType } from './lock-pieces.ts'
import { type HeldLock, LOCK_KIND, type LockKind, type LockPlace, type Waiter } from './lock-queue.ts'
import { LockTable, WHOLE_FILE } from './lock-table.ts'

const FILE: LockPlace = { inodeId: 1, kind: LOCK_KIND.posix }
const OTHER: LockPlace = { inodeId: 2, kind: LOCK_KIND.posix }
const FLOCK: LockPlace = { inodeId: 1, kind: LOCK_KIND.flock }

function lock(owner: string, type: keyof typeof LOCK_TYPE, start = 0, end = LOCK_END): HeldLock {
  return { owner, type: LOCK_TYPE[type], start, end, pid: 1 }
}

/** Waits in a table, with the ends that were told. */
class Waits {
  readonly table = new LockTable()
  readonly told: string[] = []

  wait(place: LockPlace, wanted: HeldLock, name = wanted.owner): ReturnType<LockTable['lockOrWait']> {
    return this.table.lockOrWait(place, wanted, end => this.told.push(`${name} ${end}`))
  }
}

function pieces(table: LockTable, owner: string): string[] {
  const letter = (type: LockType): string => (type === LOCK_TYPE.read ? 'r' : 'w')
  return table.piecesOf(FILE, owner).map(({ start, end, type }) => `${letter(type)}${start}-${end}`)
}

t.test('pieces are split, merged, made stronger and weaker', async t => {
  const table = new LockTable()
  table.tryLock(FILE, lock('a', 'read', 0, 99))
  table.tryLock(FILE, lock('a', 'write', 40, 59))
  t.same(pieces(table, 'a'), ['r0-39', 'w40-59', 'r60-99'])
  table.unlock(FILE, 'a', { start: 20, end: 49 })
  t.same(pieces(table, 'a'), ['r0-19', 'w50-59', 'r60-99'])
  table.tryLock(FILE, lock('a', 'read', 20, 59))
  t.same(pieces(table, 'a'), ['r0-99'])
  table.tryLock(FILE, lock('a', 'write', 100))
  t.same(pieces(table, 'a'), ['r0-99', `w100-${LOCK_END}`])
  t.equal(table.held, 2)
  table.unlock(FILE, 'a', WHOLE_FILE)
  t.same([table.held, table.inodes], [0, []])
})

t.test('readers share, writers exclude, and the two kinds know nothing of each other', async t => {
  const table = new LockTable()
  t.equal(table.tryLock(FILE, lock('a', 'read', 0, 9)), undefined)
  t.equal(table.tryLock(FILE, lock('b', 'read', 5, 15)), undefined)
  t.match(table.tryLock(FILE, lock('c', 'write', 8, 8)), { owner: 'a', start: 0, end: 9 })
  t.match(table.test(FILE, lock('c', 'write', 12, 20)), { owner: 'b', type: LOCK_TYPE.read })
  t.equal(table.tryLock(FILE, lock('c', 'write', 16)), undefined)
  t.equal(table.tryLock(FLOCK, lock('d', 'write')), undefined)
  t.match(table.tryLock(FLOCK, lock('e', 'read')), { owner: 'd' })
})

t.test('waiters get the lock in order, and a reader does not pass a writer that came before it', async t => {
  const waits = new Waits()
  waits.wait(FILE, lock('a', 'read'))
  waits.wait(FILE, lock('w', 'write'))
  t.match(waits.wait(FILE, lock('b', 'read')), { end: undefined })
  t.equal(waits.table.waiting, 2)
  waits.table.unlock(FILE, 'a', WHOLE_FILE)
  t.same(waits.told, ['w granted'])
  waits.table.unlock(FILE, 'w', WHOLE_FILE)
  t.same(waits.told, ['w granted', 'b granted'])
})

t.test('who holds a lock passes, since the writer may wait for it; who insists does, too', async t => {
  const waits = new Waits()
  waits.wait(FILE, lock('a', 'read', 0, 9))
  waits.wait(OTHER, lock('b', 'read'))
  waits.wait(FILE, lock('w', 'write', 0, 20))
  t.equal(waits.wait(FILE, lock('a', 'read', 10, 19)), 'granted')
  t.equal(waits.wait(FILE, lock('b', 'read', 0, 9)), 'granted')
  const waiter = waits.wait(FILE, lock('c', 'read', 0, 9)) as Waiter
  t.same(waits.told, [])
  waits.table.insist(waiter)
  t.same(waits.told, ['c granted'])
  // Behind the writer until its owner gets a lock elsewhere.
  waits.wait(FILE, lock('d', 'read', 0, 9))
  t.equal(waits.table.tryLock(OTHER, lock('d', 'read')), undefined)
  t.same(waits.told, ['c granted', 'd granted'])
})

t.test('a circle over two inodes and three owners is refused to who would close it', async t => {
  const waits = new Waits()
  for (const [owner, at] of [
    ['a', 0],
    ['b', 1],
    ['c', 2],
  ] as const) {
    waits.wait(at === 2 ? OTHER : FILE, lock(owner, 'write', at, at))
  }
  waits.wait(FILE, lock('a', 'write', 1, 1))
  waits.wait(OTHER, lock('b', 'read', 2, 2))
  t.equal(waits.wait(FILE, lock('c', 'read', 0, 0)), 'deadlock')
  waits.table.unlock(OTHER, 'c', WHOLE_FILE)
  t.same(waits.told, ['b granted'])
  t.equal(waits.wait(FILE, lock('b', 'write', 0, 0)), 'deadlock')
})

t.test('two readers of one range that both want to write: the second is refused', async t => {
  const waits = new Waits()
  waits.wait(FILE, lock('a', 'read'))
  waits.wait(FILE, lock('b', 'read'))
  waits.wait(FILE, lock('a', 'write'))
  t.equal(waits.wait(FILE, lock('b', 'write')), 'deadlock')
  waits.table.unlock(FILE, 'b', WHOLE_FILE)
  t.same(waits.told, ['a granted'])
})

t.test('a BSD lock that cannot be made stronger is given up first, and no circle is looked for', async t => {
  const waits = new Waits()
  waits.wait(FLOCK, lock('a', 'read'))
  waits.wait(FLOCK, lock('b', 'read'))
  t.match(waits.wait(FLOCK, lock('a', 'write')), { end: undefined })
  t.equal(waits.wait(FLOCK, lock('b', 'write')), 'granted', 'alone by now, and not behind who waits for it')
  t.match(waits.table.tryLock(FLOCK, lock('c', 'write')), { owner: 'b', type: LOCK_TYPE.write })
  t.equal(waits.table.tryLock(FLOCK, lock('b', 'read')), undefined)
  t.same(waits.told, [], 'weaker at once, which helps nobody')
  waits.table.unlock(FLOCK, 'b', WHOLE_FILE)
  t.same(waits.told, ['a granted'])
})

t.test('owners that are gone leave nothing behind, and who waited for them goes on', async t => {
  const waits = new Waits()
  waits.wait(FILE, lock('s1 a', 'write', 0, 9))
  waits.wait(OTHER, lock('s2 b', 'write'))
  waits.wait(FILE, lock('s2 b', 'write', 5, 5))
  waits.wait(OTHER, lock('s1 a', 'read'), 's1 a again')
  t.same(waits.told, [])
  waits.table.dropOwners(owner => owner.startsWith('s1 '))
  t.same(waits.told, ['s2 b granted'])
  t.same(waits.table.waiting, 0)
  waits.table.dropOwners(() => true)
  t.same([waits.table.held, waits.table.inodes], [0, []])
})

type Drawn = { readonly place: LockPlace; readonly wanted: HeldLock }

function draw(random: SeededNumbers, owners: number): Drawn {
  const kind = (random.next(4) === 0 ? LOCK_KIND.flock : LOCK_KIND.posix) as LockKind
  const inodeId = 1 + random.next(2)
  const [a, b] = [random.next(MODEL_BYTES), random.next(MODEL_BYTES)]
  const isFlock = kind === LOCK_KIND.flock
  return {
    place: { inodeId, kind },
    wanted: {
      // The owner of a BSD lock is an open file, so of one inode.
      owner: isFlock ? `f${inodeId}.${random.next(owners)}` : `p${random.next(owners)}`,
      type: random.next(2) as LockType,
      start: isFlock ? 0 : Math.min(a, b),
      end: isFlock ? MODEL_BYTES - 1 : Math.max(a, b),
      pid: 1,
    },
  }
}

/** What each owner holds, byte by byte. */
function bytesOf(table: LockTable, model: LockModel): { found: string[]; wanted: string[] } {
  const found: string[] = []
  const wanted: string[] = []
  for (const inodeId of [1, 2]) {
    for (const { kind, lock } of table.locksOf(inodeId)) {
      for (let byte = lock.start; byte <= lock.end; byte++) {
        found.push(`${inodeId}/${kind}/${byte} ${lock.owner} ${lock.type}`)
      }
    }
    for (const kind of [LOCK_KIND.posix, LOCK_KIND.flock]) {
      for (let byte = 0; byte < MODEL_BYTES; byte++) {
        for (const [owner, type] of model.holders({ inodeId, kind }, byte)) {
          wanted.push(`${inodeId}/${kind}/${byte} ${owner} ${type}`)
        }
      }
    }
  }
  return { found: found.sort(), wanted: wanted.sort() }
}

/** One thread per owner: who waits does nothing else, as most programs do. True if all was equal. */
function compareRun(t: Test, seed: number): boolean {
  const random = new SeededNumbers(seed)
  const [table, model] = [new LockTable(), new LockModel()]
  const waiting = new Map<number, Waiter>()
  const told: string[] = []
  const ends = { granted: 0, deadlock: 0 }
  for (let step = 0; step < 60; step++) {
    const { place, wanted } = draw(random, 4)
    const busy = [...waiting].find(([, waiter]) => waiter.wanted.owner === wanted.owner)
    const what = busy === undefined ? random.next(4) : 4
    if (what === 0) {
      const granted = table.tryLock(place, wanted) === undefined
      if (granted !== model.tryLock(place, wanted)) return t.fail(`try at ${step} of seed ${seed}`)
    } else if (what <= 2) {
      const end = table.lockOrWait(place, wanted, end => {
        told.push(`${step} ${end}`)
        waiting.delete(step)
      })
      const expected = model.wait(step, place, wanted)
      if ((typeof end === 'string' ? end : 'waiting') !== expected) {
        return t.fail(`wait at ${step} of seed ${seed}: ${typeof end}, not ${expected}`)
      }
      if (typeof end !== 'string' && end.end === undefined) waiting.set(step, end)
      if (end === 'granted' || end === 'deadlock') ends[end] += 1
    } else if (what === 3) {
      table.unlock(place, wanted.owner, wanted)
      model.unlock(place, wanted.owner, wanted)
    } else if (busy !== undefined && random.next(6) === 0) {
      table.cancel(busy[1])
      model.cancel(busy[0])
    }
    const { found, wanted: expected } = bytesOf(table, model)
    const sameEnds = JSON.stringify(told.sort()) === JSON.stringify(model.ended.sort())
    if (JSON.stringify(found) !== JSON.stringify(expected) || !sameEnds) {
      t.same({ found, told }, { found: expected, told: model.ended }, `step ${step} of seed ${seed}`)
      return false
    }
  }
  return true
}

t.test('whatever is asked, the table does what the model of single bytes does', async t => {
  const { seed, numRuns } = randomRuns(2_000)
  let equal = 0
  for (let run = 0; run < numRuns && equal === run; run++) if (compareRun(t, seed + run)) equal += 1
  t.equal(equal, numRuns)
})

/** Threads: an owner may wait several times and act meanwhile. The first thing that does not hold, or ''. */
function brokenRule(table: LockTable): string {
  for (const inodeId of table.inodes) {
    const locks = table.locksOf(inodeId)
    for (const { kind, lock } of locks) {
      if (table.test({ inodeId, kind }, lock) !== undefined) return 'locks of two owners exclude each other'
    }
  }
  for (const { place, wanted, insists } of table.waiters) {
    const holds = table.inodes.some(inodeId => {
      const lockPlace = { inodeId, kind: place.kind }
      return (
        (place.kind === LOCK_KIND.posix || inodeId === place.inodeId) &&
        table.piecesOf(lockPlace, wanted.owner).length > 0
      )
    })
    const free = table.test(place, wanted) === undefined
    if (free && (holds || insists)) return 'one waits that nothing stands in the way of'
  }
  return circle(table)
}

function circle(table: LockTable): string {
  const next = new Map<string, Set<string>>()
  for (const { place, wanted } of table.waiters) {
    if (place.kind === LOCK_KIND.flock) continue
    for (const { kind, lock } of table.locksOf(place.inodeId)) {
      const excludes = lock.type === LOCK_TYPE.write || wanted.type === LOCK_TYPE.write
      const meets = lock.start <= wanted.end && wanted.start <= lock.end
      if (kind !== place.kind || lock.owner === wanted.owner || !excludes || !meets) continue
      next.set(wanted.owner, (next.get(wanted.owner) ?? new Set()).add(lock.owner))
    }
  }
  for (const start of next.keys()) {
    const seen = new Set<string>()
    const open = [...(next.get(start) ?? [])]
    for (let owner = open.pop(); owner !== undefined; owner = open.pop()) {
      if (owner === start) return `${start} waits for itself`
      if (seen.has(owner)) continue
      seen.add(owner)
      open.push(...(next.get(owner) ?? []))
    }
  }
  return ''
}

/** Random requests of many threads; the first rule that broke, or ''. */
function threadsRun(seed: number, note: (what: 'wait' | 'end') => void): string {
  const random = new SeededNumbers(seed)
  const table = new LockTable()
  for (let step = 0; step < 60; step++) {
    const { place, wanted } = draw(random, 4)
    const what = random.next(7)
    const some = [...table.waiters][random.next(8)]
    if (what === 0) table.tryLock(place, wanted)
    else if (what <= 3) {
      if (typeof table.lockOrWait(place, wanted, () => note('end')) !== 'string') note('wait')
    } else if (what === 4) table.unlock(place, wanted.owner, wanted)
    else if (what === 5 && some !== undefined) table.cancel(some)
    else if (some !== undefined) table.insist(some)
    const broken = brokenRule(table)
    if (broken !== '') return `${broken}: step ${step}`
  }
  table.dropOwners(() => true)
  return table.held + table.waiting + table.inodes.length > 0 ? 'something is left over' : ''
}

t.test('with many threads per owner nobody is forgotten, and nobody waits for itself', async t => {
  const { seed, numRuns } = randomRuns(3_000)
  const count = { wait: 0, end: 0 }
  for (let run = 0; run < numRuns; run++) {
    const broken = threadsRun(seed + 1_000_000 + run, what => {
      count[what] += 1
    })
    if (broken !== '') t.fail(`${broken}, run ${run} of seed ${seed}`)
  }
  t.equal(count.end, count.wait, 'each wait ended once')
})
