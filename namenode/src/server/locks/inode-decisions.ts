/** Who decides about the locks of an inode: the namenode, or one session until it gives that back. */
import type { LockSession } from './lock-session.ts'

/** An inode is not delegated when another session asked for its locks so shortly before, in milliseconds. */
export const QUIET_MS = 5_000

export interface Delegation {
  readonly session: LockSession
  readonly number: number
  /** Resolves when the namenode decides again. */
  readonly returned: Promise<void>
  readonly end: () => void
  isRecalled: boolean
}

export interface InodeDecision {
  delegation: Delegation | undefined
  /** Who asked last, and when somebody asked who had not asked before. */
  lastClient: string
  contestedMs: number
  /** Requests that wait until they can be decided. */
  pending: number
  /** After a restart: a session told that it alone had locks here, so there is nobody to wait for. */
  isSettled: boolean
}

export class InodeDecisions {
  readonly #inodes = new Map<number, InodeDecision>()
  #delegations = 0
  #recalls = 0

  get delegations(): number {
    return this.#delegations
  }

  get recalls(): number {
    return this.#recalls
  }

  find(inodeId: number): InodeDecision | undefined {
    return this.#inodes.get(inodeId)
  }

  of(inodeId: number): InodeDecision {
    let found = this.#inodes.get(inodeId)
    if (found === undefined) {
      found = {
        delegation: undefined,
        lastClient: '',
        contestedMs: Number.NEGATIVE_INFINITY,
        pending: 0,
        isSettled: false,
      }
      this.#inodes.set(inodeId, found)
    }
    return found
  }

  /** A session asks: two that take turns keep the inode here. */
  note(inodeId: number, clientId: string, nowMs: number): InodeDecision {
    const decision = this.of(inodeId)
    if (decision.lastClient !== '' && decision.lastClient !== clientId) decision.contestedMs = nowMs
    decision.lastClient = clientId
    return decision
  }

  delegate(inodeId: number, session: LockSession, number: number): Delegation {
    const decision = this.of(inodeId)
    const { promise, resolve } = Promise.withResolvers<void>()
    const delegation = { session, number, returned: promise, end: resolve, isRecalled: false }
    decision.delegation = delegation
    session.delegated.add(inodeId)
    this.#delegations += 1
    return delegation
  }

  /** True the first time. */
  recall(delegation: Delegation): boolean {
    if (delegation.isRecalled) return false
    delegation.isRecalled = true
    this.#recalls += 1
    return true
  }

  /** The namenode decides again. */
  end(inodeId: number): void {
    const decision = this.#inodes.get(inodeId)
    const delegation = decision?.delegation
    if (decision === undefined || delegation === undefined) return
    decision.delegation = undefined
    delegation.session.delegated.delete(inodeId)
    this.#delegations -= 1
    delegation.end()
  }

  /** Forgets inodes of which there is nothing to remember. */
  trim(nowMs: number): void {
    for (const [inodeId, { delegation, pending, contestedMs, isSettled }] of this.#inodes) {
      const isUsed = delegation !== undefined || pending > 0 || isSettled
      if (!isUsed && nowMs - contestedMs > QUIET_MS) this.#inodes.delete(inodeId)
    }
  }

  /** Nobody is waited for any more. */
  settleAll(): void {
    for (const decision of this.#inodes.values()) decision.isSettled = false
  }
}
