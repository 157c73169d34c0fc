// test-timeout-seconds: 300
/**
 * SQLite with a rollback journal on two mounts at once, whose writers are killed in the middle of their
 * transactions, and one mount with them: what was committed is there, what was not is rolled back by whoever
 * comes next, on whichever mount.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { setTimeout as sleep } from 'node:timers/promises'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NO DATABASE ON A MOUNT WAS TESTED')

t.setTimeout(300_000)
const { seed, numRuns: KILLS } = randomRuns(10)
const random = new SeededNumbers(seed)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const [a, b] = [await Mounted.start(cluster.home.path), await Mounted.start(cluster.home.path)]
t.teardown(async () => {
  await a.remove()
  await b.remove()
  await cluster.close()
})

/** Moves amounts between two accounts in transactions of some pages, and says each that was committed. */
const WRITER = `
import sqlite3, sys, time
db = sqlite3.connect("bank.db", timeout=120, isolation_level=None)
db.execute("pragma cache_size=5"); db.execute("pragma synchronous=full")
n = int(sys.argv[1])
while True:
    n += 1
    try:
        db.execute("begin immediate")
        for i in range(8):
            db.execute("insert into entry values (?, ?, ?)", (n, i, "x" * 700))
            db.execute("update account set amount = amount + ? where id = ?", (1 if i % 2 else -1, i % 4))
        db.execute("commit")
    except sqlite3.OperationalError as e:
        if "locked" not in str(e): raise
        db.execute("rollback") if db.in_transaction else None
        n -= 1
        continue
    print(n, flush=True)
    # SQLite polls: who never pauses keeps the others out, on any filesystem.
    time.sleep(0.02)
`

const CHECK = `
import json, sqlite3
db = sqlite3.connect("bank.db", timeout=120)
whole = db.execute("select n from entry group by n having count(*) = 8").fetchall()
print(json.dumps({
    "integrity": db.execute("pragma integrity_check").fetchone()[0],
    "sum": db.execute("select sum(amount) from account").fetchone()[0],
    "entries": db.execute("select count(*) from entry").fetchone()[0],
    "numbers": [n for n, in whole],
}))
`

interface Found {
  readonly integrity: string
  readonly sum: number
  readonly entries: number
  readonly numbers: readonly number[]
}

class Writer {
  readonly committed: number[] = []
  readonly #child: ChildProcess
  #said = ''

  constructor(mounted: Mounted, first: number) {
    this.#child = spawn('python3', ['-c', WRITER, String(first)], {
      cwd: mounted.directory,
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    if (this.#child.stdout === null) throw new Error('no output')
    createInterface({ input: this.#child.stdout }).on('line', line => this.committed.push(Number(line)))
    this.#child.stderr?.on('data', (part: Buffer) => {
      this.#said += part.toString()
    })
  }

  /** How it failed by itself; '' while it works. */
  get failure(): string {
    return this.#child.exitCode === null ? '' : this.#said
  }

  async kill(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return
    const closed = once(this.#child, 'close')
    this.#child.kill('SIGKILL')
    await closed
  }
}

async function check(mounted: Mounted): Promise<Found> {
  return JSON.parse(await mounted.run('python3', '-c', CHECK)) as Found
}

t.test('writers on two mounts are killed again and again, and one mount, too', async t => {
  const make = [
    'import sqlite3',
    'db = sqlite3.connect("bank.db")',
    'db.execute("create table entry (n integer, i integer, text text)")',
    'db.execute("create table account (id integer primary key, amount integer)")',
    'db.executemany("insert into account values (?, 100)", [(i,) for i in range(4)]); db.commit()',
  ].join('\n')
  await a.run('python3', '-c', make)
  const committed: number[] = []
  for (let kill = 0; kill < KILLS; kill++) {
    const first = kill * 100_000
    const writers = [new Writer(a, first), new Writer(b, first + 30_000), new Writer(b, first + 60_000)]
    await sleep(2_000 + random.next(1_500))
    t.same(
      writers.map(({ failure }) => failure),
      ['', '', ''],
    )
    const isMountKilled = kill % 4 === 3
    if (isMountKilled) {
      await a.crash()
      await a.mount()
    }
    await Promise.all(writers.map(writer => writer.kill()))
    for (const writer of writers) committed.push(...writer.committed)
    const found = await check(kill % 2 === 0 ? b : a)
    t.match(found, { integrity: 'ok', sum: 400, entries: found.numbers.length * 8 }, `kill ${kill}`)
    const there = new Set(found.numbers)
    t.same(
      committed.filter(n => !there.has(n)),
      [],
      'what was committed is there',
    )
  }
  t.comment(`${committed.length} transactions`)
  t.ok(committed.length > KILLS, 'there was something to lose')
})
