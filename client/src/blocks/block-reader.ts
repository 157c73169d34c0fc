/**
 * Reads ranges of blocks: members in their order, the next one when a member fails or serves a bad byte, from
 * the byte where the last one stopped. Everything it hands out was checked against its checksum. It asks the
 * namenode nothing by itself.
 */
import { setTimeout as sleep } from 'node:timers/promises'
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { DatanodeAddress, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import { BlockFetch, type Landing } from './block-fetch.ts'
import type { ReadBlockOptions } from './block-io.ts'
import type { BlockPool } from './block-pool.ts'

/** Fresh capabilities asked for during one read; a read that outlives them fails with BAD_CAPABILITY. */
const REFRESHES_MAX = 8
/** Failures of a member that may be over soon. */
const AWAY_CODES = ['UNAVAILABLE', 'TIMED_OUT', 'BUSY'] as const
/** Pause before every member is asked again, doubled from the minimum to the maximum, in milliseconds. */
const PAUSE_MS_MIN = 50
const PAUSE_MS_MAX = 1_000

/**
 * Bytes `offset` … `offset + length` of a block, as buffers of up to 1 MiB, read ahead by at most 2 MiB.
 * `length` −1 reads to the block's end. Throws CORRUPT, BLOCK_NOT_FOUND, BAD_CAPABILITY, UNAVAILABLE, BUSY or
 * CANCELLED when no member can serve the rest.
 */
export async function* readBlock(
  pool: BlockPool,
  block: LocatedBlock,
  offset: number,
  length: number,
  options: ReadBlockOptions = {},
): AsyncGenerator<Buffer, void, undefined> {
  const reuse = options.reuse === true
  const landing: Landing = (_offset, bytes) =>
    reuse ? pool.buffers.take(bytes).subarray(0, bytes) : Buffer.allocUnsafe(bytes)
  for await (const bytes of packets(pool, block, offset, length, landing, options)) {
    yield bytes as Buffer
    // A buffer of the pool is the whole of its memory, so its view leads back to it.
    if (reuse) pool.buffers.give(Buffer.from(bytes.buffer as ArrayBuffer))
  }
}

/**
 * Reads exactly `target.length` bytes at `offset` into `target`; its content is undefined after a failure.
 */
export async function readBlockInto(
  pool: BlockPool,
  block: LocatedBlock,
  offset: number,
  target: Uint8Array,
  options: ReadBlockOptions = {},
): Promise<void> {
  const landing: Landing = (at, bytes) => target.subarray(at - offset, at - offset + bytes)
  const iterator = packets(pool, block, offset, target.length, landing, options)
  let step = await iterator.next()
  while (!step.done) step = await iterator.next()
}

async function* packets(
  pool: BlockPool,
  located: LocatedBlock,
  offset: number,
  length: number,
  landing: Landing,
  options: ReadBlockOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  if (length === 0) return
  const end = length === -1 ? -1 : offset + length
  const source = new Source(located, options)
  let position = offset
  for (;;) {
    await source.ready()
    const fetched = fetchFrom(pool, source, position, end === -1 ? -1 : end - position, landing, options)
    try {
      for await (const bytes of fetched) {
        position += bytes.length
        source.progressed()
        yield bytes
      }
      return
    } catch (error) {
      if (!isFsError(error) || error.code === 'CANCELLED') throw error
      await source.failed(error)
    }
  }
}

/** What one member sends of a range. */
async function* fetchFrom(
  pool: BlockPool,
  source: Source,
  offset: number,
  length: number,
  landing: Landing,
  options: ReadBlockOptions,
): AsyncGenerator<Uint8Array, void, undefined> {
  const { signal } = options
  if (signal?.aborted) throw cancelled(signal)
  const fetch = await BlockFetch.start(pool, source.member, source.block, offset, length, landing)
  const onAbort = (): void => fetch.stop(signal && cancelled(signal))
  signal?.addEventListener('abort', onAbort, { once: true })
  if (signal?.aborted) onAbort()
  try {
    for (let bytes = await fetch.next(); bytes !== undefined; bytes = await fetch.next()) yield bytes
  } finally {
    signal?.removeEventListener('abort', onAbort)
    fetch.stop()
  }
}

/** Which member is asked, and what follows from its failures. */
class Source {
  block: LocatedBlock
  readonly #options: ReadBlockOptions
  #index = 0
  #retried = false
  #refreshes = 0
  #firstError: FsError | undefined
  /** A member may only be away for a moment. */
  #mayComeBack = false
  #deadlineMs: number | undefined
  #pauseMs = PAUSE_MS_MIN

  constructor(block: LocatedBlock, options: ReadBlockOptions) {
    this.block = block
    this.#options = options
  }

  get member(): DatanodeAddress {
    return this.block.members[this.#index] as DatanodeAddress
  }

  /**
   * Resolves when there is a member to ask. When every member has failed it waits while patience lasts and
   * one of them may come back; else it throws the first failure.
   */
  async ready(): Promise<void> {
    if (this.#index < this.block.members.length) return
    const error = this.#firstError ?? new FsError('NO_DATANODE', `block ${this.block.blockId} has no member`)
    const { patienceMs = 0, refresh, signal } = this.#options
    this.#deadlineMs ??= performance.now() + patienceMs
    if (!this.#mayComeBack || performance.now() + this.#pauseMs > this.#deadlineMs) throw error
    await pause(this.#pauseMs, signal)
    this.#pauseMs = Math.min(this.#pauseMs * 2, PAUSE_MS_MAX)
    this.#index = 0
    this.#firstError = undefined
    this.#mayComeBack = false
    // A datanode that was started again may have another address.
    if (refresh !== undefined) this.block = await refresh()
  }

  /** Bytes came: patience begins anew. */
  progressed(): void {
    this.#deadlineMs = undefined
    this.#pauseMs = PAUSE_MS_MIN
  }

  /** Moves on: the same member again, or the next. */
  async failed(error: FsError): Promise<void> {
    const { refresh, onMemberFailed } = this.#options
    if (error.code === 'BAD_CAPABILITY' && refresh !== undefined && this.#refreshes < REFRESHES_MAX) {
      this.#refreshes += 1
      this.block = await refresh()
      return
    }
    // A kept connection may have died unseen, so one failure of that kind says nothing about the member yet.
    if (error.code === 'UNAVAILABLE' && !this.#retried) {
      this.#retried = true
      return
    }
    const isAway = AWAY_CODES.some(code => isFsError(error, code))
    this.#mayComeBack ||= isAway
    // That others do not hold the block says less than that one cannot be asked.
    if (isAway && isFsError(this.#firstError, 'BLOCK_NOT_FOUND')) this.#firstError = error
    this.#firstError ??= error
    onMemberFailed?.(this.member.nodeId, error)
    this.#index += 1
    this.#retried = false
  }
}

async function pause(pauseMs: number, signal: AbortSignal | undefined): Promise<void> {
  try {
    await sleep(pauseMs, undefined, { signal })
  } catch (error) {
    throw signal?.aborted ? cancelled(signal) : error
  }
}

function cancelled(signal: AbortSignal): FsError {
  return new FsError('CANCELLED', 'the read was aborted', {}, { cause: signal.reason })
}
