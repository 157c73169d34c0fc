/**
 * Locks as the kernel asks for them: the mount's share of `SessionLocks`. It knows which requests can be
 * interrupted, and the handles through which something was locked that is lost: they fail from then on, since
 * their programs believe that nobody else has touched the file.
 */
import type { Logger } from '@hopbine/common/base/log.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { SessionLocks } from '../../locks/session-locks.ts'
import { PosixError } from '../session/errno.ts'
import type { NodeTable } from './node-table.ts'

export interface MountLocksParts {
  readonly rpc: RpcClient
  readonly nodes: NodeTable
  readonly logger: Logger
}

export class MountLocks {
  readonly session: SessionLocks
  readonly #parts: MountLocksParts
  readonly #lost = new Set<number>()
  readonly #interrupts = new Map<number, AbortController>()

  constructor(parts: MountLocksParts) {
    this.#parts = parts
    this.session = new SessionLocks(parts.rpc, {
      settle: inodeId => this.#settle(inodeId),
      lost: (inodeId, handles) => {
        for (const handle of handles) this.#lost.add(handle)
        parts.logger.error({ inodeId, handles: handles.length }, 'locks were lost: their files fail with EIO')
      },
    })
  }

  /** EIO for a handle whose lock was lost. */
  requireKept(handle: number): void {
    if (this.#lost.has(handle)) throw new PosixError('EIO', 'a lock of this file was lost')
  }

  released(handle: number): void | Promise<void> {
    this.#lost.delete(handle)
    return this.session.released(handle)
  }

  /** Does something that the kernel may interrupt by the number of its request. */
  async interruptible<T>(unique: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
    const controller = new AbortController()
    this.#interrupts.set(unique, controller)
    try {
      return await work(controller.signal)
    } finally {
      this.#interrupts.delete(unique)
    }
  }

  /** True if the request is one that ends by itself now. */
  interrupt(unique: number): boolean {
    const controller = this.#interrupts.get(unique)
    controller?.abort()
    return controller !== undefined
  }

  figures(): Record<string, number> {
    return { ...this.session.figures(), lostHandles: this.#lost.size }
  }

  /** A failure to save shows at the next sync or close of the file, where it can be told. */
  async #settle(inodeId: number): Promise<void> {
    const file = this.#parts.nodes.openFile(inodeId)
    if (file === undefined) return
    try {
      await file.settle()
    } catch (error) {
      const { message } = error as Error
      this.#parts.logger.warn(
        { inodeId, message },
        'a file could not be saved before its lock was given away',
      )
    }
  }
}
