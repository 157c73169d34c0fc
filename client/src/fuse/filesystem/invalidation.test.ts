/** What the kernel is told when others change something; the kernel is a device that the test controls. */
import { setTimeout as sleep } from 'node:timers/promises'
import {
  acknowledgeInvalidations,
  INVALID,
  type Invalidation,
  invalidations,
} from '@hopbine/common/protocol/cache-interest.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { Reader } from '@hopbine/common/wire/reader.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import t from 'tap'
import { NOTIFY } from '../protocol/constants.ts'
import type { Written } from '../session/device.ts'
import { type InvalidationParts, Invalidator } from './invalidation.ts'
import { KernelCache } from './kernel-cache.ts'
import { NodeTable } from './node-table.ts'

const BOTH = INVALID.entry | INVALID.attributes

async function start({ epoch = 'taken' as Written, cacheMs = 1_000, forgetMs = 60_000 } = {}) {
  const written: number[] = []
  const inPool: { code: number; done: () => void }[] = []
  const acknowledged: number[] = []
  let push: (payload: Reader) => void = () => undefined
  const codeOf = (message: Buffer): number => message.readInt32LE(4)
  const device = {
    write: ([message]: readonly Buffer[]): Written => {
      const code = codeOf(message as Buffer)
      written.push(code)
      return code === NOTIFY.incrementEpoch ? epoch : 'taken'
    },
    writeInPool: (message: Buffer): Promise<Written> =>
      new Promise(resolve => {
        inPool.push({ code: codeOf(message), done: () => resolve('taken') })
      }),
  }
  const rpc = {
    listen: (_kind: number, handler: typeof push) => {
      push = handler
    },
    prepareEach: async () => undefined,
    call: async (method: Method<unknown, unknown>, request: unknown) => {
      if (method.id === acknowledgeInvalidations.id) {
        acknowledged.push(...(request as { numbers: number[] }).numbers)
      }
      return {}
    },
  } as unknown as InvalidationParts['rpc']
  const cache = new KernelCache(cacheMs)
  const nodes = new NodeTable(1)
  const invalidator = new Invalidator({ rpc, nodes, cache, device, forgetMs })
  await invalidator.start()
  const tell = (number: number, ...items: Invalidation[]): void => {
    const writer = new Writer()
    invalidations.encode(writer, { number, items })
    push(new Reader(Buffer.from(writer.copy())))
  }
  return { written, inPool, acknowledged, cache, nodes, invalidator, tell }
}

t.test('what the kernel does not know is acknowledged at once', async t => {
  const { written, inPool, acknowledged, tell } = await start()
  tell(1, { inodeId: 7, parentId: 5, name: 'a', what: BOTH })
  tell(2, { inodeId: 8, parentId: 5, name: 'b', what: BOTH })
  await sleep(1)
  t.same([written, inPool, acknowledged], [[], [], [1, 2]])
})

t.test('a name is forgotten before it is acknowledged', async t => {
  const { written, inPool, acknowledged, cache, nodes, tell } = await start()
  cache.tell(5, 'a')
  nodes.remember(7, 7)
  nodes.remember(5, 7)
  tell(1, { inodeId: 7, parentId: 5, name: 'a', what: BOTH })
  await sleep(1)
  t.same(written, [NOTIFY.invalidateInode, NOTIFY.invalidateInode], 'the inode and its directory')
  t.same(
    inPool.map(({ code }) => code),
    [NOTIFY.invalidateEntry],
  )
  t.same(acknowledged, [])
  inPool[0]?.done()
  await sleep(1)
  t.same(acknowledged, [1])
})

t.test('a kernel that holds the lock is not waited for: all names are outdated', async t => {
  const { written, acknowledged, cache, invalidator, tell } = await start({ forgetMs: 20 })
  cache.tell(5, 'a')
  tell(1, { inodeId: 7, parentId: 5, name: 'a', what: BOTH })
  await sleep(100)
  t.same([written, acknowledged], [[NOTIFY.incrementEpoch], [1]])
  t.match(invalidator.figures(), { names: 1, epochs: 1 })
})

t.test('while a request of ours changes names there, that happens at once', async t => {
  const { written, acknowledged, cache, tell } = await start()
  cache.tell(5, 'a')
  const end = cache.beginNaming(5)
  tell(1, { inodeId: 7, parentId: 5, name: 'a', what: BOTH })
  await sleep(1)
  t.same([written, acknowledged], [[NOTIFY.incrementEpoch], [1]])
  end()
})

t.test('no more threads are used than are set aside', async t => {
  const { written, inPool, acknowledged, cache, tell } = await start()
  for (let i = 1; i <= 12; i++) {
    cache.tell(5, String(i))
    tell(i, { inodeId: 7, parentId: 5, name: String(i), what: BOTH })
  }
  await sleep(5)
  t.equal(inPool.length, 8)
  t.same(acknowledged, [9, 10, 11, 12])
  t.equal(written.length, 4)
  for (const { done } of inPool) done()
  await sleep(5)
  t.equal(acknowledged.length, 12)
})

t.test('a kernel without that notification uses the name until its lifetime is over', async t => {
  const { acknowledged, cache, tell } = await start({ epoch: 'refused', cacheMs: 300, forgetMs: 20 })
  const from = performance.now()
  cache.tell(5, 'a')
  tell(1, { inodeId: 7, parentId: 5, name: 'a', what: BOTH })
  while (acknowledged.length === 0 && performance.now() - from < 5_000) await sleep(5)
  const waited = performance.now() - from
  t.ok(waited >= 299 && waited < 2_000, `${waited} ms`)
})
