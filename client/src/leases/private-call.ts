/** Which calls let nobody else reach what the leases of this mount cover. */
import { applyQueue, releaseDirectory } from '@hopbine/common/protocol/directory-leases.ts'
import type { RequestOf } from '@hopbine/common/protocol/method.ts'

/**
 * True for a batch that gives no directory back: what was opened under its leases need not be known to the
 * namenode yet, since nobody reaches it before a lease goes.
 */
export function isPrivateCall(methodId: number, request: unknown): boolean {
  if (methodId !== applyQueue.id) return false
  const { operations } = request as RequestOf<typeof applyQueue>
  return operations.every(({ method }) => method !== releaseDirectory.id)
}
