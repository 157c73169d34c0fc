/** What `up` itself asks of a namenode: whether one answers on a socket, and the first folders of a new home. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { chmod, mkdirs } from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'

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

/** The operator's home directory, so that relative paths work at once, and a folder where everyone may write. */
export async function makeFirstFolders(socketPath: string): Promise<void> {
  const client = new RpcClient({ address: { path: socketPath } })
  try {
    const { user } = await client.welcome()
    await client.call(mkdirs, { path: `/user/${user}`, mode: 0o755 })
    await client.call(mkdirs, { path: '/tmp', mode: 0o777 })
    await client.call(chmod, { path: '/tmp', mode: 0o1777 })
  } finally {
    client.close()
  }
}
