// test-timeout-seconds: 300
/**
 * Reads of a group of namenodes as real processes: a leader that stood still, and does not know that another
 * one leads, answers nothing that is no longer so.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { Connection } from '@hopbine/common/rpc/connection.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'

const ROUNDS = 6
const statOf = (path: string) => ({ path, followLast: true })

t.setTimeout(280_000)

t.test('a leader that stood still answers nothing stale', async t => {
  const cluster = await ProcessCluster.open({
    datanodes: 0,
    namenodes: 3,
    mustOwn: true,
    keep: false,
    transport: 'tcp',
  })
  t.teardown(() => cluster.close())
  const client = new RpcClient({ ...(await cluster.door()), retryMs: 30_000 })
  t.teardown(() => client.close())
  let answered = 0
  let refused = 0
  for (let round = 0; round < ROUNDS; round++) {
    const path = `/round-${round}`
    await client.call(metadata.mkdir, { path, mode: 0o700 })
    const leader = await cluster.group.leader()
    const { address, token } = await cluster.leaderDoor()
    const greeting = { version: 1, versionOldest: 1, clientId: 'd'.repeat(31) + round, token }
    const events = { onClose: () => undefined, onPush: () => undefined }
    const { connection } = await Connection.open(address, greeting, events)
    t.equal((await connection.call(metadata.stat, statOf(path))).status.mode & 0o777, 0o700)

    cluster.signal(`namenode-${leader}`, 'SIGSTOP')
    await client.call(metadata.chmod, { path, mode: 0o755 })
    // These lie in its socket when it goes on, ahead of any word of the new leader.
    const reads = Array.from({ length: 20 }, () => connection.call(metadata.stat, statOf(path)))
    const outcomes = Promise.allSettled(reads)
    await new Promise(resolve => setTimeout(resolve, 50))
    cluster.signal(`namenode-${leader}`, 'SIGCONT')
    for (const outcome of await outcomes) {
      if (outcome.status === 'rejected') {
        refused += 1
        t.ok(isFsError(outcome.reason, 'NOT_LEADER') || isFsError(outcome.reason, 'UNAVAILABLE'))
      } else {
        answered += 1
        t.equal(outcome.value.status.mode & 0o777, 0o755, 'an answer is the newest one')
      }
    }
    connection.close()
    await cluster.group.untilLevel(60_000)
  }
  t.equal(answered + refused, ROUNDS * 20)
  t.comment(`${answered} answered, ${refused} refused`)
})
