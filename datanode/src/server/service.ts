/**
 * What every request of the block port needs: the store, the right to refuse, and a place to report. One per
 * datanode.
 */
import { FsError, fromNodeError, isFsError } from '@hopbine/common/base/errors.ts'
import {
  CAPABILITY_MODE,
  type CapabilityFields,
  checkCapability,
} from '@hopbine/common/protocol/capability.ts'
import type { BlockStore } from '../store/block-store.ts'
import type { BlockName } from '../store/layout.ts'
import type { DatanodeCounters } from './metrics.ts'

/** A request that names a block and shows its right to it. */
export interface BlockRequest {
  readonly capability: Uint8Array
  readonly blockId: number
  readonly generation: number
  readonly group: number
}

/** A stream into a block, as far as others need to know it. */
export interface BlockClaim {
  /**
   * Another writer takes the block over: this one ends with LEASE_LOST. Resolves when it no longer writes.
   */
  giveUp(): Promise<void>
}

export interface BlockServiceOptions {
  readonly store: BlockStore
  readonly counters: DatanodeCounters
  /** Something that the operator should read in the log. */
  readonly report: (event: string, fields: Record<string, unknown>) => void
}

export class BlockService {
  readonly store: BlockStore
  readonly counters: DatanodeCounters
  readonly report: BlockServiceOptions['report']
  /** The writer of each open block that is being written. */
  readonly claims = new Map<number, BlockClaim>()
  #key: Uint8Array | undefined
  #epochMin = 0

  constructor(options: BlockServiceOptions) {
    this.store = options.store
    this.counters = options.counters
    this.report = options.report
  }

  /** Set at registration; before it every request is refused with UNAVAILABLE. */
  setKey(key: Uint8Array): void {
    this.#key = key
  }

  setEpochMin(epoch: number): void {
    this.#epochMin = epoch
  }

  /** Throws BAD_CAPABILITY, or UNAVAILABLE while the namenode has not been met. */
  authorize(request: BlockRequest, mode: number): CapabilityFields {
    const fields = this.#check(request.capability, request.blockId, request.generation, mode)
    if (fields.group !== request.group) {
      throw new FsError('BAD_CAPABILITY', 'the block capability is refused: it is for another group')
    }
    return fields
  }

  authorizeAdmin(capability: Uint8Array): CapabilityFields {
    return this.#check(capability, 0, 0, CAPABILITY_MODE.admin)
  }

  /**
   * A copy failed its checksum: it is taken out of service, its writer (unless it is `finder`) is ended, and
   * the next heartbeat tells the namenode.
   */
  async foundBad(name: BlockName, error: FsError, finder?: BlockClaim): Promise<void> {
    const writer = this.claims.get(name.blockId)
    if (writer !== finder) await writer?.giveUp()
    await this.store.quarantine(name, error.message)
  }

  /** What the peer is told of an error; a defect of ours is thrown on, and the process stops. */
  answerFor(error: unknown): FsError {
    const answer = isFsError(error) ? error : systemFailure(error)
    this.counters.failures.inc({ code: answer.code })
    return answer
  }

  #check(capability: Uint8Array, blockId: number, generation: number, mode: number): CapabilityFields {
    if (this.#key === undefined) throw new FsError('UNAVAILABLE', 'the datanode has not met its namenode yet')
    const demand = {
      blockId,
      generation,
      mode,
      nowSeconds: Math.floor(Date.now() / 1000),
      epochMin: this.#epochMin,
    }
    try {
      return checkCapability(this.#key, capability, demand)
    } catch (error) {
      this.counters.refusedCapabilities.inc()
      throw error
    }
  }
}

/** An error of the operating system without a code of its own (too many open files, say). */
function systemFailure(error: unknown): FsError {
  if (!(error instanceof Error) || !('syscall' in error)) throw error
  const known = fromNodeError(error as NodeJS.ErrnoException, 'datanode')
  return isFsError(known) ? known : new FsError('INTERNAL', error.message, {}, { cause: error })
}
