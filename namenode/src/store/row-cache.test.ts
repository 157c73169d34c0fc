import { KIND } from '@hopbine/common/protocol/types.ts'
import fc from 'fast-check'
import t from 'tap'
import { RowCache } from './row-cache.ts'
import type { EntryRow } from './tables/entry-table.ts'

const whole = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })
const nanos = fc.integer({ min: 0, max: 999_999_999 })
const u32 = fc.integer({ min: 0, max: 0xffffffff })

const columns = {
  parentId: fc.constantFrom(1, 1024, 2 ** 41 + 7),
  name: fc.oneof(fc.constantFrom('a', 'b', 'c', 'd'), fc.string({ minLength: 1, maxLength: 60 })),
  id: whole,
  kind: fc.constantFrom<number>(KIND.file, KIND.symlink),
  mode: fc.integer({ min: 0, max: 0o7777 }),
  ownerId: u32,
  groupId: u32,
  size: whole,
  atime: fc.maxSafeInteger(),
  atimeNs: nanos,
  mtime: fc.maxSafeInteger(),
  mtimeNs: nanos,
  ctime: fc.maxSafeInteger(),
  ctimeNs: nanos,
  nlink: u32,
  blockSize: whole,
  replication: fc.integer({ min: 0, max: 255 }),
  storageClass: fc.constant(0),
  flags: fc.integer({ min: 0, max: 0xffff }),
  generation: whole,
  target: fc.constant(null),
}
const row: fc.Arbitrary<EntryRow> = fc.record(columns, { noNullPrototype: true })

const step = fc.oneof(
  fc.record({ what: fc.constant('put' as const), row }),
  fc.record({ what: fc.constant('drop' as const), row }),
  fc.record({ what: fc.constant('get' as const), row }),
)

t.test('what the cache answers is the row that was put last and not dropped', async t => {
  const seed = Math.floor(Math.random() * 2 ** 31)
  t.comment(`seed ${seed}`)
  const runs = fc.property(fc.array(step, { maxLength: 60 }), steps => {
    const cache = new RowCache(8)
    const truth = new Map<string, EntryRow>()
    for (const { what, row } of steps) {
      const key = `${row.parentId}/${row.name}`
      if (what === 'put') {
        // As the table does: a changed row is dropped before anything is put again.
        cache.drop(row.parentId, row.name)
        cache.put(row)
        truth.set(key, row)
      } else if (what === 'drop') {
        cache.drop(row.parentId, row.name)
        truth.delete(key)
      } else {
        const kept = cache.get(row.parentId, row.name)
        if (kept !== undefined) t.strictSame(kept, truth.get(key))
      }
    }
  })
  fc.assert(runs, { seed, numRuns: 500 })
  t.pass('no stale row in 500 histories')
})

t.test('a file with a plain name is kept, a symbolic link or a long or foreign name is not', async t => {
  const cache = new RowCache(1024)
  const [sample] = fc.sample(row, { numRuns: 1, seed: 1 })
  const file = { ...(sample as EntryRow), parentId: 1024, kind: KIND.file, generation: 1 }
  cache.put({ ...file, name: 'plain.txt' })
  t.strictSame(cache.get(1024, 'plain.txt'), { ...file, name: 'plain.txt' })
  t.equal(cache.get(1025, 'plain.txt'), undefined)
  for (const other of [
    { ...file, name: 'x'.repeat(49) },
    { ...file, name: 'ünï' },
    { ...file, name: 'link', kind: KIND.symlink },
  ]) {
    cache.put(other)
    t.equal(cache.get(other.parentId, other.name), undefined, other.name)
  }
})
