// test-timeout-seconds: 120
/** A hundred thousand frames that are almost right, over several connections: the namenode bears them all. */
import { CLUSTER_METHODS, fsck, status } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { addPrincipal, hello } from '@hopbine/common/protocol/session.ts'
import { randomRuns, SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import { frameOf, RawClient } from '@hopbine/common/testing/raw-client.ts'
import { parseShape, type Shape } from '@hopbine/common/testing/shape.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import t from 'tap'
import { ServedNamenode } from './testing/served-namenode.ts'

const FRAMES = 100_000
const LANES = 6
/** Frames that leave in one write. */
const BATCH = 40

/** What costs much for little: it comes less often. */
const SELDOM = new Set(['fsck', 'backupBegin', 'status'])
const METHODS = [hello, addPrincipal, ...rpc.METADATA_METHODS, ...CLUSTER_METHODS] as Method<
  unknown,
  unknown
>[]

const PATHS = ['/', '/a', '/a/b', '/a/b/c', '/f', '/l', '/a/../b', '//', 'a', '', '/.reserved/.inodes/1024']
const TEXTS = [...PATHS, ...PATHS, 'ada', 'x'.repeat(300), '\u0001'.repeat(5000), '\u{1f600}', 'a\0b', '..']
const INTS = [0, 1, -1, 2, 3, 100, 1024, 1025, 2 ** 31, 2 ** 32, 2 ** 41, 2 ** 53 - 1, -(2 ** 53) + 1]

class Fuzzer {
  readonly #numbers: SeededNumbers
  readonly #writer = new Writer()
  #sequence = 0

  constructor(seed: number) {
    this.#numbers = new SeededNumbers(seed)
  }

  /** A frame that is right, or wrong in one way or two. */
  frame(): Buffer {
    let method = this.#pick(METHODS)
    while (SELDOM.has(method.name) && this.#numbers.next(40) > 0) method = this.#pick(METHODS)
    this.#writer.reset()
    method.request.encode(this.#writer, this.#value(parseShape(method.request.shape)))
    const fields = {
      id: 1 + this.#numbers.next(1000),
      principal: this.#numbers.next(30) === 0 ? this.#numbers.next(9) : 0,
      shard: this.#numbers.next(50) === 0 ? 1 : 0,
      sequence: method.kind === 'write' ? this.#nextSequence() : 0,
      behind: this.#numbers.next(100),
    }
    const id = this.#numbers.next(100) === 0 ? this.#numbers.next(65_536) : method.id
    return this.#damage(frameOf(id, this.#writer.copy(), fields))
  }

  /** Mostly the next one, now and then one again. */
  #nextSequence(): number {
    if (this.#numbers.next(20) > 0) this.#sequence += 1
    return this.#sequence
  }

  #damage(frame: Buffer): Buffer {
    const way = this.#numbers.next(12)
    const at = this.#numbers.next(frame.length)
    if (way < 5) return frame
    if (way < 8) {
      // Behind the header, so that the stream goes on.
      const inside = Math.min(frame.length - 1, 32 + this.#numbers.next(Math.max(1, frame.length - 32)))
      frame[inside] = this.#numbers.next(256)
    } else if (way === 8) {
      const cut = Buffer.from(frame.subarray(0, Math.max(12, at)))
      cut.writeUInt32LE(cut.length - 4)
      return cut
    } else if (way === 9) {
      const noise = Buffer.from(Array.from({ length: this.#numbers.next(60) }, () => this.#numbers.next(256)))
      const longer = Buffer.concat([frame, noise])
      longer.writeUInt32LE(longer.length - 4)
      return longer
    } else if (way === 10) {
      for (let i = 32; i < frame.length; i++) frame[i] = this.#numbers.next(256)
    } else if (this.#numbers.next(20) === 0) {
      frame[this.#numbers.next(32)] = this.#numbers.next(256)
    }
    return frame
  }

  #value(shape: Shape): unknown {
    if (shape.kind === 'optional') return this.#numbers.next(2) === 0 ? undefined : this.#value(shape.inner)
    if (shape.kind === 'list') {
      const length = this.#numbers.next(100) === 0 ? 300 : this.#numbers.next(4)
      return Array.from({ length }, () => this.#value(shape.inner))
    }
    if (shape.kind === 'record') {
      return Object.fromEntries(shape.fields.map(([name, field]) => [name, this.#value(field)]))
    }
    return this.#primitive(shape.name)
  }

  #primitive(name: string): unknown {
    if (name === 'text') return this.#pick(TEXTS)
    if (name === 'flag') return this.#numbers.next(2) === 0
    if (name === 'bytes') return Buffer.alloc(this.#numbers.next(100), this.#numbers.next(256))
    if (name === 'int' || name === 'f64') return this.#pick(INTS)
    // Calls that wait for changes wait a little.
    return this.#numbers.next({ u8: 256, u16: 512, u32: 2000 }[name] ?? 1)
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#numbers.next(from.length)] as T
  }
}

interface Tally {
  frames: number
  answers: number
  connections: number
  readonly endings: Map<string, number>
}

/** Sends frames until so many were sent; a connection that was cut off is replaced. */
async function lane(path: string, seed: number, frames: number, tally: Tally): Promise<void> {
  const fuzzer = new Fuzzer(seed)
  const clientId = seed.toString(16).padStart(32, '0').slice(-32)
  let client = await RawClient.greeted(path, clientId)
  for (let sent = 0; sent < frames; sent += BATCH) {
    client.send(Buffer.concat(Array.from({ length: BATCH }, () => fuzzer.frame())))
    tally.frames += BATCH
    const before = client.answers.length
    for (
      let turns = 0;
      turns < 200 && client.answers.length < before + BATCH / 2 && !client.isClosed;
      turns++
    ) {
      await new Promise(resolve => setImmediate(resolve))
    }
    if (!client.isClosed && client.answers.at(-1)?.id !== 0) continue
    const code = client.answers.at(-1)?.error?.code ?? 'none'
    tally.endings.set(code, (tally.endings.get(code) ?? 0) + 1)
    tally.answers += client.answers.length
    tally.connections += 1
    client.close()
    client = await RawClient.greeted(path, clientId)
  }
  tally.answers += client.answers.length
  client.close()
}

t.test('frames that are almost right end at worst their own connection', async t => {
  const served = await ServedNamenode.start(t)
  const { seed } = randomRuns(1)
  const tally: Tally = { frames: 0, answers: 0, connections: 0, endings: new Map() }
  const before = process.memoryUsage.rss()
  const lanes = Array.from({ length: LANES }, (_, i) =>
    lane(served.socketPath, seed + i, FRAMES / LANES, tally),
  )
  await Promise.all(lanes)
  const grownMib = (process.memoryUsage.rss() - before) / 2 ** 20
  t.comment(`${tally.frames} frames, ${tally.answers} answers, ${tally.connections} connections cut off`)
  t.comment(JSON.stringify(Object.fromEntries(tally.endings)))
  t.ok(tally.frames >= FRAMES - LANES * BATCH && tally.answers > FRAMES / 4)
  // What asks for no answer can only be refused by the end.
  for (const code of tally.endings.keys())
    t.match(code, /^(BAD_FRAME|FRAME_TOO_LARGE|UNKNOWN_METHOD)$/, `ended with ${code}`)
  t.ok(grownMib < 500, `${Math.round(grownMib)} MiB more are resident`)
  const client = served.client()
  await client.call(rpc.setQuota, { path: '/', names: -1, bytes: -1 })
  t.ok(await client.call(rpc.mkdirs, { path: '/still/here', mode: 0o755 }))
  t.same((await client.call(fsck, { repair: false })).problems, [])
  const { appliedIndex } = await client.call(status, {})
  await served.stop()
  await served.start()
  const again = served.client()
  t.ok((await again.call(status, {})).appliedIndex >= appliedIndex, 'and the log replays')
  t.same((await again.call(fsck, { repair: false })).problems, [])
})
