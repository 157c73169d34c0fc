/** The cookies of a directory against a listing that changes between any two calls. */
import { randomInt } from 'node:crypto'
import type { FileStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import fc from 'fast-check'
import t from 'tap'
import { DirectoryReader, DOTS } from './directory-reader.ts'
import { KernelCache } from './kernel-cache.ts'

const seed = randomInt(2 ** 31)
t.comment(`seed ${seed}`)

/** A directory as the namenode lists it: in byte order, page by page. */
const CACHE = new KernelCache(1_000)

class Listing {
  readonly names: Set<string>
  asked = 0

  constructor(count: number) {
    this.names = new Set(Array.from({ length: count }, (_, index) => String(index).padStart(5, '0')))
  }

  get rpc(): RpcCaller {
    const call = async (_method: unknown, request: unknown): Promise<unknown> => {
      this.asked += 1
      const { after, max } = request as { after: string; max: number }
      const behind = [...this.names].filter(name => name > after).sort()
      const entries = behind.slice(0, max).map(name => ({ name }) as FileStatus)
      return { entries, more: behind.length > max }
    }
    return { call: call as RpcCaller['call'] }
  }
}

/** The next entries behind a cookie of this handle; none at the end. */
async function behind(
  reader: DirectoryReader,
  cookie: number,
): Promise<{ status: FileStatus; cookie: number }[]> {
  const from = Math.max(cookie, DOTS)
  const { start, entries } = await reader.pageWith(from)
  return entries
    .map((status, index) => ({ status, cookie: start + index + 1 }))
    .filter(entry => entry.cookie > from)
}

async function rest(reader: DirectoryReader, from: number): Promise<string[]> {
  const names: string[] = []
  for (let cookie = from; ; ) {
    const entries = await behind(reader, cookie)
    const last = entries.at(-1)
    if (last === undefined) return names
    names.push(...entries.map(({ status }) => status.name))
    cookie = last.cookie
  }
}

t.test('everything is read once, a page at a time', async t => {
  const listing = new Listing(95)
  const reader = new DirectoryReader(listing.rpc, CACHE, 5, '/d', 10)
  t.same(await rest(reader, 0), [...listing.names])
  t.ok(listing.asked <= 11, `${listing.asked} calls`)
  t.same(await rest(new DirectoryReader(new Listing(0).rpc, CACHE, 5, '/d'), 0), [])
})

t.test('a cookie means the same entry later, and a rewind shows what is there then', async t => {
  const listing = new Listing(50)
  const reader = new DirectoryReader(listing.rpc, CACHE, 5, '/d', 10)
  await rest(reader, 0)
  t.same((await rest(reader, DOTS + 25))[0], '00025')
  t.same(await rest(reader, 10_000), [])
  listing.names.add('00000x')
  reader.rewind()
  t.same((await rest(reader, 0)).slice(0, 2), ['00000', '00000x'])
})

t.test('whatever comes and goes meanwhile, what stays is read once and nothing twice', async t => {
  const change = fc.record({ add: fc.nat(400), drop: fc.nat(400), every: fc.integer({ min: 1, max: 7 }) })
  await fc.assert(
    fc.asyncProperty(fc.array(change, { minLength: 1, maxLength: 30 }), async changes => {
      const listing = new Listing(200)
      const stays = new Set(listing.names)
      const reader = new DirectoryReader(listing.rpc, CACHE, 5, '/d', 16)
      const seen: string[] = []
      for (let cookie = 0, step = 0; ; step++) {
        const { add, drop, every } = changes[step % changes.length] as (typeof changes)[number]
        const entries = (await behind(reader, cookie)).slice(0, every)
        const last = entries.at(-1)
        if (last === undefined) break
        seen.push(...entries.map(({ status }) => status.name))
        cookie = last.cookie
        const name = String(drop).padStart(5, '0')
        listing.names.add(`${String(add).padStart(5, '0')}x`)
        if (listing.names.delete(name)) stays.delete(name)
      }
      t.equal(new Set(seen).size, seen.length)
      return [...stays].every(name => seen.includes(name))
    }),
    { seed, numRuns: 60 },
  )
})

t.test('what was seen is removed behind the reader, page after page', async t => {
  const listing = new Listing(100)
  const reader = new DirectoryReader(listing.rpc, CACHE, 5, '/d', 10)
  const seen: string[] = []
  for (let cookie = 0; ; ) {
    const entries = (await behind(reader, cookie)).slice(0, 5)
    const last = entries.at(-1)
    if (last === undefined) break
    for (const { status } of entries) {
      seen.push(status.name)
      listing.names.delete(status.name)
    }
    cookie = last.cookie
  }
  t.equal(seen.length, 100)
})
