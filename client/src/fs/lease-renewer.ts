/**
 * Keeps the session's write leases alive: tells the namenode that the session lives while any file is open
 * for writing. It knows no file and no lease; a lease that is lost anyway shows at the file's next call.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { isFsError } from '@hopbine/common/base/errors.ts'
import { LEASE_SOFT_MS } from '@hopbine/common/base/limits.ts'
import { renewLease } from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'

/** Between two renewals, in milliseconds: two may be lost before the soft limit. */
const RENEW_MS = LEASE_SOFT_MS / 3

export class LeaseRenewer {
  readonly #rpc: RpcClient
  readonly #periodMs: number
  #open = 0
  #timer: NodeJS.Timeout | undefined
  /** Why the last renewal failed; undefined after one that did not. */
  lastFailure: Error | undefined

  constructor(rpc: RpcClient, periodMs = RENEW_MS) {
    this.#rpc = rpc
    this.#periodMs = periodMs
  }

  /** Files that hold renewal up. */
  get open(): number {
    return this.#open
  }

  /** A file is open for writing from now on; the returned function says that it no longer is. */
  hold(): () => void {
    this.#open += 1
    this.#timer ??= setInterval(() => void this.#renew(), this.#periodMs).unref()
    let isHeld = true
    return () => {
      if (!isHeld) return
      isHeld = false
      this.#release()
    }
  }

  /** Stops for good. */
  stop(): void {
    clearInterval(this.#timer)
    this.#timer = undefined
  }

  #release(): void {
    this.#open -= 1
    assert(this.#open >= 0, 'a lease was released twice')
    if (this.#open === 0) this.stop()
  }

  async #renew(): Promise<void> {
    try {
      await this.#rpc.call(renewLease, {}, { retryMs: this.#periodMs })
      this.lastFailure = undefined
    } catch (error) {
      // The server being away is no news here: each open file's own calls meet it and tell their callers.
      if (!isFsError(error)) throw error
      this.lastFailure = error
    }
  }
}
