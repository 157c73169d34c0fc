/** What a holder of leases has set aside of a quota goes to whoever needs it, when nothing else is left. */
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import t, { type Test } from 'tap'
import { inodePath, queued } from '../../testing/test-queue.ts'
import { LeaseHolder } from '../testing/lease-holder.ts'
import { ServedNamenode } from '../testing/served-namenode.ts'
import { DIRECTORY_LEASE_TIMES } from './lease-times.ts'

const NEW_FILE = { mode: 0o644, ifExists: 0, createParents: false, replication: 1, blockSize: 0 }
const QUICK = { ...DIRECTORY_LEASE_TIMES, termMs: 300, driftMs: 50, recallMs: 200 }

/** A quota of 17 names with two directories below it, one of which is held; 2 names are set aside. */
async function start(t: Test) {
  const config = { directoryLeaseTimes: QUICK }
  const served = await ServedNamenode.start(t, config)
  const holder = await LeaseHolder.open(served.client())
  const other = served.client()
  const mkdir = async (path: string) => (await other.call(rpc.mkdir, { path, mode: 0o755 })).status.id
  const top = await mkdir('/q')
  const [held, free] = [await mkdir('/q/held'), await mkdir('/q/free')]
  await other.call(rpc.setQuota, { path: '/q', names: 19, bytes: -1 })
  const answer = await holder.acquire(held)
  t.match(answer, { granted: true, quotaRoot: top, names: 2 })
  const make = (name: string) =>
    other.call(rpc.create, { path: inodePath(free, name), ...NEW_FILE, inline: Buffer.alloc(0) })
  for (let file = 0; file < 14; file++) await make(`f${file}`)
  t.same(holder.recalled, [])
  return { served, config, holder, other, held, make }
}

t.test('the last names come from a holder that gives them back with what it did', async t => {
  const { holder, held, make } = await start(t)
  const request = { path: inodePath(held, 'own'), ...NEW_FILE, inline: Buffer.alloc(0) }
  holder.push(queued(rpc.create, request, { inodeId: holder.nextId() }))
  await make('last')
  t.same(holder.recalled, [held])
  t.equal(holder.pending, 0)
  await t.rejects(make('more'), { code: 'NAME_QUOTA_EXCEEDED' })
})

t.test('a holder that is silent loses them in time', async t => {
  const { holder, held, make } = await start(t)
  holder.push(queued(rpc.remove, { path: inodePath(held, 'x'), recursive: false, only: 0 }))
  holder.isSilent = true
  const startMs = performance.now()
  await make('one')
  t.ok(performance.now() - startMs > QUICK.recallMs / 2)
  await make('two')
  await t.rejects(holder.flush(), { code: 'LEASE_LOST' })
})

t.test('who waits for them is answered also when the namenode restarts meanwhile', async t => {
  const { served, config, holder, make } = await start(t)
  holder.isSilent = true
  const waiting = make('one')
  while (holder.recalled.length === 0) await new Promise(resolve => setTimeout(resolve, 5))
  await served.stop()
  await served.start(config)
  t.ok((await waiting).status.id > 0)
})
