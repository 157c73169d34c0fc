import { ACCESSES_MAX } from '@hopbine/common/base/limits.ts'
import type { FileStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { AccessTimes } from './access-times.ts'

interface Told {
  readonly accesses: readonly { readonly inodeId: number; readonly seconds: number }[]
}

/** A namenode that only remembers what it was told. */
function listener(answer: () => Promise<void> = async () => undefined): { rpc: RpcCaller; told: Told[] } {
  const told: Told[] = []
  const call = async (_: unknown, request: Told): Promise<object> => {
    told.push(request)
    await answer()
    return {}
  }
  return { rpc: { call } as unknown as RpcCaller, told }
}

const at = (seconds: number) => ({ seconds, nanos: 0 })
const statusOf = (id: number, atime: number, changed: number): FileStatus =>
  ({ id, atime, atimeNs: 0, mtime: changed, mtimeNs: 0, ctime: changed, ctimeNs: 0 }) as FileStatus

t.test('reads are told together, each file once with its last read, and shown before', async t => {
  const { rpc, told } = listener()
  const times = new AccessTimes(rpc, false)
  times.note(1, at(10))
  times.note(2, at(11))
  times.note(1, at(12))
  t.same(times.shown(statusOf(1, 5, 5)), at(12))
  t.same(times.shown(statusOf(3, 5, 5)), at(5))
  t.same(told, [])
  await times.tell()
  t.same(told, [
    {
      accesses: [
        { inodeId: 1, ...at(12) },
        { inodeId: 2, ...at(11) },
      ],
    },
  ])
  t.same(times.shown(statusOf(1, 5, 5)), at(5), 'from now on the namenode knows')
  await times.tell()
  t.equal(told.length, 1, 'nothing waits')
})

t.test('a read is due once after a change, and one that waits counts', async t => {
  const { rpc } = listener()
  const times = new AccessTimes(rpc, false)
  t.ok(times.isDue(statusOf(1, 5, 5), at(9)))
  times.note(1, at(9))
  t.notOk(times.isDue(statusOf(1, 5, 5), at(10)))
  times.forget(1)
  t.ok(times.isDue(statusOf(1, 5, 5), at(10)))
  t.notOk(times.isDue(statusOf(1, 8, 5), at(10)))
  t.ok(times.isDue(statusOf(1, 8, 5), at(8 + 86_400)), 'a day later')
  await times.tell()
})

t.test('many are told at once and in parts; what cannot be told is counted', async t => {
  const { rpc, told } = listener()
  const times = new AccessTimes(rpc, false)
  for (let id = 0; id < 2 * ACCESSES_MAX + 1; id++) times.note(id, at(1))
  await times.tell()
  t.same(
    told.map(({ accesses }) => accesses.length),
    [ACCESSES_MAX, ACCESSES_MAX, 1],
  )
  const deaf = new AccessTimes(listener(() => Promise.reject(new Error('away'))).rpc, false)
  deaf.note(1, at(1))
  await deaf.tell()
  t.equal(deaf.lost, 1)
})

t.test('switched off, nothing is noted', async t => {
  const { rpc, told } = listener()
  const times = new AccessTimes(rpc, true)
  times.note(1, at(9))
  t.notOk(times.isDue(statusOf(1, 5, 5), at(9)))
  await times.tell()
  t.same(told, [])
})
