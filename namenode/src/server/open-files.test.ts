/** Sessions that say what they have open, and others that take the names, over real connections. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { fsck } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { declareOpenInodes } from '@hopbine/common/protocol/open-inodes.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { ServedNamenode } from './testing/served-namenode.ts'

const CREATE = { mode: 0o644, ifExists: 0, createParents: false, replication: 0, blockSize: 0 }
const unlink = { recursive: false, only: 1 }
const inode = (id: number): string => `/.reserved/.inodes/${id}`
const pause = (ms: number): Promise<void> => new Promise(resolve => setTimeout(resolve, ms))

async function make(client: RpcClient, path: string): Promise<number> {
  const { status } = await client.call(rpc.create, { path, ...CREATE, inline: Buffer.from('x') })
  return status.id
}

async function declare(
  client: RpcClient,
  opened: number[],
  closed: number[] = [],
  all = false,
): Promise<void> {
  await client.call(declareOpenInodes, { all, opened, closed })
}

async function isThere(client: RpcClient, id: number): Promise<boolean> {
  try {
    await client.call(rpc.stat, { path: inode(id), followLast: false })
    return true
  } catch (error) {
    if (!isFsError(error, 'STALE')) throw error
    return false
  }
}

async function goes(client: RpcClient, id: number, withinMs = 5_000): Promise<boolean> {
  for (const deadline = performance.now() + withinMs; performance.now() < deadline; await pause(20)) {
    if (!(await isThere(client, id))) return true
  }
  return false
}

t.test('kept until everybody has closed it, and not longer', async t => {
  const served = await ServedNamenode.start(t)
  const [writer, a, b] = [served.client(), served.client(), served.client()]
  const id = await make(writer, '/x')
  await declare(a, [id])
  await declare(b, [id])
  await writer.call(rpc.remove, { path: '/x', ...unlink })
  await declare(a, [], [id])
  await pause(200)
  t.ok(await isThere(writer, id))
  await declare(b, [], [], true)
  t.ok(await goes(writer, id))
  const other = await make(writer, '/y')
  await declare(a, [other])
  await declare(a, [], [other])
  await writer.call(rpc.remove, { path: '/y', ...unlink })
  t.notOk(await isThere(writer, other), 'closed before')
  t.same((await writer.call(fsck, { repair: false })).problems, [])
})

t.test('every open that was answered before a removal was, holds', async t => {
  const served = await ServedNamenode.start(t)
  const [writer, reader] = [served.client(), served.client()]
  await declare(reader, [await make(writer, '/first')])
  const counts = { opened: 0, gone: 0 }
  for (let round = 0; round < 48; round++) {
    const path = `/f${round}`
    const id = await make(writer, path)
    const isReplaced = round % 2 === 0
    if (isReplaced) await make(writer, '/new')
    const take = async (): Promise<void> => {
      if (isReplaced) await writer.call(rpc.rename, { from: '/new', to: path, mode: 1 })
      else await writer.call(rpc.remove, { path, ...unlink })
    }
    const open = async (): Promise<boolean> => {
      const said = declare(reader, [id])
      const answer = reader.call(rpc.open, { path: inode(id), offset: 0, length: 1 })
      const [, result] = await Promise.allSettled([said, answer])
      if (result.status === 'rejected' && !isFsError(result.reason, 'STALE')) throw result.reason
      return result.status === 'fulfilled'
    }
    // Either leads by some turns.
    const lead = (round % 12) - 6
    const first = lead < 0 ? open() : take()
    for (let turns = Math.abs(lead); turns > 0; turns--) await new Promise<void>(go => setImmediate(go))
    const [a, b] = await Promise.all([first, lead < 0 ? take() : open()])
    const isOpened = a === true || b === true
    t.equal(await isThere(writer, id), isOpened, `round ${round}: ${isOpened ? 'opened' : 'gone before'}`)
    counts[isOpened ? 'opened' : 'gone'] += 1
    await declare(reader, [], [id])
    t.ok(await goes(writer, id))
  }
  t.ok(counts.opened > 0 && counts.gone > 0, JSON.stringify(counts))
})

t.test('a session that ends has nothing open', async t => {
  const served = await ServedNamenode.start(t)
  const [writer, dead] = [served.client(), served.client()]
  const id = await make(writer, '/x')
  await declare(dead, [id])
  await writer.call(rpc.remove, { path: '/x', ...unlink })
  await writer.call(rpc.endSession, { clientId: dead.clientId })
  t.ok(await goes(writer, id))
})

t.test('a session that falls silent for good has nothing open', async t => {
  const served = await ServedNamenode.start(t, { leaseTimes: { softMs: 300, hardMs: 600 } })
  const [writer, silent] = [served.client(), served.client()]
  const id = await make(writer, '/x')
  await declare(silent, [id])
  await writer.call(rpc.remove, { path: '/x', ...unlink })
  t.ok(await isThere(writer, id))
  silent.close()
  t.ok(await goes(writer, id, 10_000))
})

t.test('after a restart nothing goes before sessions had time to say what they have open', async t => {
  const served = await ServedNamenode.start(t)
  const [writer, reader] = [served.client(), served.client()]
  const [kept, other] = [await make(writer, '/kept'), await make(writer, '/other')]
  await declare(reader, [kept])
  await served.stop()
  await served.start({ openGraceMs: 1_000 })
  await writer.call(rpc.remove, { path: '/kept', ...unlink })
  await writer.call(rpc.remove, { path: '/other', ...unlink })
  t.ok(await isThere(writer, other))
  await declare(reader, [kept], [], true)
  t.ok(await goes(writer, other, 10_000), 'nobody has it open')
  t.ok(await isThere(writer, kept))
  await declare(reader, [], [kept])
  t.ok(await goes(writer, kept))
})
