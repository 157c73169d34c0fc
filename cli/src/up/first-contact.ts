/**
 * What `up` itself asks of a namenode: whether one answers on a socket, and the first folders of a new
 * home.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { status } from '@hopbine/common/protocol/cluster.ts'
import { chmod, mkdirs } from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import type { Seed } from '@hopbine/common/rpc/server-choice.ts'

/** How long the question may take, in milliseconds. */
const PATIENCE_MS = 1_000

/** Whether a Hopbine answers there. */
export async function socketAnswers(path: string | undefined): Promise<boolean> {
  if (path === undefined) return false
  const client = new RpcClient({ address: { path }, retryMs: PATIENCE_MS })
  try {
    await client.welcome()
    return true
  } catch (error) {
    if (isFsError(error, 'UNAVAILABLE') || isFsError(error, 'TIMED_OUT')) return false
    throw error
  } finally {
    client.close()
  }
}

/**
 * The operator's home directory, so that relative paths work at once, and a folder where everyone may
 * write.
 */
export async function makeFirstFolders(sockets: readonly string[]): Promise<void> {
  const client = sessionAt(sockets)
  try {
    const { user } = await client.welcome()
    await client.call(mkdirs, { path: `/user/${user}`, mode: 0o755 })
    await client.call(mkdirs, { path: '/tmp', mode: 0o777 })
    await client.call(chmod, { path: '/tmp', mode: 0o1777 })
  } finally {
    client.close()
  }
}

/** How long new datanodes have to register, and between two looks, in milliseconds. */
const REGISTRATION_MS = 10_000
const REGISTRATION_POLL_MS = 50

/** Resolves when that many datanodes are heard from, or after a while; answers how many are. */
export async function awaitDatanodes(sockets: readonly string[], wanted: number): Promise<number> {
  const client = sessionAt(sockets)
  try {
    const deadline = performance.now() + REGISTRATION_MS
    for (;;) {
      const { datanodes } = await client.call(status, {})
      const heard = datanodes.filter(node => node.silentMs >= 0).length
      if (heard >= wanted || performance.now() > deadline) return heard
      await sleep(REGISTRATION_POLL_MS)
    }
  } finally {
    client.close()
  }
}

/** A session with the namenode, or with whichever of several leads. */
function sessionAt(sockets: readonly string[]): RpcClient {
  const [first, ...others] = sockets.map((path, index) => ({ address: { path }, member: index + 1 }))
  return new RpcClient({ ...(first as Seed), others })
}
