/** Hands in what a daemon that is gone had answered and not sent, in order, and once. */

import { rmSync } from 'node:fs'
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Logger } from '@hopbine/common/base/log.ts'
import {
  applyQueue,
  attachQueue,
  BATCH_OPERATIONS_MAX,
  closeQueue,
} from '@hopbine/common/protocol/directory-leases.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { errorOf } from '@hopbine/common/rpc/connection.ts'
import { type JournalHead, type JournalStep, readJournal, setJournalAside } from './journal.ts'

/** Bytes of one batch's requests. */
const BATCH_BYTES_MAX = 1024 * 1024
/** Answers after which what is left can never be committed. */
const FINAL_CODES = ['LEASE_LOST', 'NOT_FOUND', 'INVALID_ARGUMENT'] as const

/**
 * The journal is gone afterwards: handed in, or kept aside with a line in the log when its leases are lost.
 * Throws when the namenode cannot take it now; then it stays for the next try.
 */
export async function handInJournal(rpc: RpcCaller, path: string, logger: Logger): Promise<void> {
  const journal = readJournal(path)
  if (journal === undefined) return rmSync(path, { force: true })
  const { head, steps } = journal
  let left = steps
  try {
    const { applied } = await rpc.call(attachQueue, { queueId: head.queueId })
    if (applied < head.applied) throw new FsError('NOT_FOUND', 'the namenode is older than the journal')
    left = steps.slice(applied - head.applied)
    await sendAll(rpc, head, applied, left)
    if (left.length > 0) logger.info({ path, operations: left.length }, 'journal-handed-in')
    rmSync(path, { force: true })
  } catch (error) {
    if (!isFsError(error) || !isFinal(error)) throw error
    if (left.length === 0) rmSync(path, { force: true })
    else tellLoss(path, left, error, logger)
  }
  await rpc.call(closeQueue, { queueId: head.queueId })
}

async function sendAll(
  rpc: RpcCaller,
  { queueId }: JournalHead,
  applied: number,
  steps: readonly JournalStep[],
): Promise<void> {
  for (let at = 0; at < steps.length; ) {
    const batch = batchFrom(steps, at)
    const answer = await rpc.call(applyQueue, {
      queueId,
      first: applied + at + 1,
      principals: batch.map(({ user, groups, superuser }) => ({ user, groups, superuser })),
      operations: batch.map(({ operation }, principal) => ({ ...operation, principal })),
      ids: 0,
      names: 0,
      diskBytes: 0,
      // Who mounts on a full disk may want to remove something.
      frees: true,
    })
    if (answer.failed !== undefined) {
      throw new FsError('LEASE_LOST', `operation ${answer.applied + 1}: ${errorOf(answer.failed).message}`)
    }
    at += batch.length
  }
}

function batchFrom(steps: readonly JournalStep[], at: number): JournalStep[] {
  const batch: JournalStep[] = []
  let bytes = 0
  for (const step of steps.slice(at, at + BATCH_OPERATIONS_MAX)) {
    bytes += step.operation.request.length
    if (batch.length > 0 && bytes > BATCH_BYTES_MAX) break
    batch.push(step)
  }
  return batch
}

function isFinal(error: FsError): boolean {
  return FINAL_CODES.some(code => code === error.code)
}

function tellLoss(path: string, left: readonly JournalStep[], error: FsError, logger: Logger): void {
  const kept = setJournalAside(path)
  logger.error({ reason: error.message, operations: left.length, kept }, 'journal-lost')
}
