/** Asks each namenode of a home for itself, whether it leads or not. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import { groupStatus } from '@hopbine/common/protocol/raft.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { CommandError } from '../exit.ts'
import type { HomeLayout } from '../home/layout.ts'
import { readUpFile, type UpNamenode } from '../home/up-file.ts'

export type GroupStatus = ResponseOf<typeof groupStatus>

export interface MemberAnswer extends UpNamenode {
  readonly id: number
  readonly status?: GroupStatus
  /** Why it did not answer. */
  readonly reason?: string
}

/** How long one member may take to answer, in milliseconds. */
const ANSWER_MS = 2_000

/** In the order of their numbers. Throws CommandError where nothing runs on the home. */
export async function askMembers(layout: HomeLayout): Promise<MemberAnswer[]> {
  const up = readUpFile(layout)
  if (up === undefined) {
    throw new CommandError(`No Hopbine is running at ${layout.home}; start one with \`hopbine up\``)
  }
  const { rpc, socket } = up
  const namenodes = up.namenodes ?? [{ role: 'namenode', rpc, socket }]
  return Promise.all(namenodes.map((namenode, index) => askOne(namenode, index + 1)))
}

async function askOne(namenode: UpNamenode, id: number): Promise<MemberAnswer> {
  const client = new RpcClient({ address: { path: namenode.socket }, retryMs: 0 })
  try {
    const signal = AbortSignal.timeout(ANSWER_MS)
    return { ...namenode, id, status: await client.call(groupStatus, {}, { signal }) }
  } catch (error) {
    if (!isFsError(error)) throw error
    const reason = error.code === 'CANCELLED' ? 'it is silent' : 'it does not run'
    return { ...namenode, id, reason }
  } finally {
    client.close()
  }
}
