/**
 * Finds out how long a block is when its files are opened: the newest length that the checksums prove. It
 * reads; what lies behind that length is cut off by the caller. A synced length that the data no longer
 * proves is corruption.
 */
import { readFile } from 'node:fs/promises'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import { chunkStart } from '@hopbine/common/wire/chunk-crc.ts'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import {
  ACKNOWLEDGED_SLOT,
  checkIdentity,
  decodeEntries,
  decodeSlot,
  type Slot,
  SYNCED_SLOT,
} from './checksum-file.ts'
import { readAt } from './disk.ts'
import { type BlockName, blockPath } from './layout.ts'

export interface Checksums {
  /** Slots of synced lengths, newest first. */
  readonly synced: readonly Slot[]
  /** Slots of acknowledged lengths, newest first. */
  readonly acknowledged: readonly Slot[]
  /** For every whole chunk that any slot speaks of, as far as the file reaches. */
  readonly crcs: Uint32Array
}

/** What a block goes on from when its files are opened. */
export interface BlockState {
  readonly length: number
  readonly syncedLength: number
  readonly generation: number
  /** Checksum of the partial last chunk; 0: there is none. */
  readonly tailCrc: number
  readonly crcs: Uint32Array
  /** Newest sequence of any slot. */
  readonly sequence: number
  /** Slots to be written next; what must not be lost stands in the other one of the kind. */
  readonly nextSynced: number
  readonly nextAcknowledged: number
}

/** A block before its first byte. */
export const EMPTY_BLOCK: BlockState = {
  length: 0,
  syncedLength: 0,
  generation: 0,
  tailCrc: 0,
  crcs: new Uint32Array(0),
  sequence: 0,
  nextSynced: SYNCED_SLOT,
  nextAcknowledged: ACKNOWLEDGED_SLOT,
}

/** The two slots of a kind stand at an even and the next odd index. */
export function otherSlot(index: number): number {
  return index % 2 === 0 ? index + 1 : index - 1
}

/** The state of an open block after `slot` was proven to hold. */
export function stateAfter({ synced, acknowledged, crcs }: Checksums, slot: Slot | undefined): BlockState {
  const sequence = Math.max(0, ...[...synced, ...acknowledged].map(one => one.sequence))
  if (slot === undefined) return { ...EMPTY_BLOCK, sequence }
  // A newer synced slot that was not proven is torn: its sync never ended.
  const lastSynced = synced.find(one => one.sequence <= slot.sequence)
  return {
    length: slot.length,
    syncedLength: Math.min(slot.length, lastSynced?.length ?? 0),
    generation: slot.generation,
    tailCrc: slot.tailCrc,
    crcs: crcs.slice(),
    sequence,
    nextSynced: lastSynced === undefined ? SYNCED_SLOT : otherSlot(lastSynced.index),
    nextAcknowledged: acknowledged[0] === undefined ? ACKNOWLEDGED_SLOT : otherSlot(acknowledged[0].index),
  }
}

/** Throws CORRUPT when the file is missing or belongs to something else. */
export async function readChecksums(dataDir: string, name: BlockName): Promise<Checksums> {
  const file = await readFile(blockPath(dataDir, name, 'crc')).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'ENOENT') throw fromNodeError(error, 'read checksums')
    throw new FsError('CORRUPT', `block ${name.blockId} has lost its checksum file`)
  })
  checkIdentity(file, name)
  const slots = (first: number): Slot[] =>
    [first, first + 1]
      .map(index => decodeSlot(file, index))
      .filter(slot => slot !== undefined)
      .sort((left, right) => right.sequence - left.sequence)
  const synced = slots(SYNCED_SLOT)
  const acknowledged = slots(ACKNOWLEDGED_SLOT)
  const longest = Math.max(0, ...[...synced, ...acknowledged].map(slot => slot.length))
  return { synced, acknowledged, crcs: decodeEntries(file, Math.floor(longest / CHECKSUM_CHUNK_BYTES)) }
}

/**
 * The slot that holds for an open block whose data file has `sizeBytes`; undefined: nothing was ever
 * acknowledged. Only what came after the older synced length is read.
 */
export async function provenSlot(
  fd: number,
  sizeBytes: number,
  checksums: Checksums,
  memory: Buffer,
): Promise<Slot | undefined> {
  const { synced, acknowledged } = checksums
  const from = chunkStart(synced[1]?.length ?? 0)
  const newestFirst = [...synced, ...acknowledged].sort((left, right) => right.sequence - left.sequence)
  for (const slot of newestFirst) {
    // The older of two syncs did end, so nothing before it will do.
    if (slot.sequence < (synced[1]?.sequence ?? 0)) break
    if (slot.length <= sizeBytes && (await isProven(fd, from, slot, checksums.crcs, memory))) return slot
  }
  if (synced.length > 0)
    throw new FsError('CORRUPT', 'the synced bytes of an open block fail their checksums')
  if (sizeBytes > 0 && newestFirst.length === 0)
    throw new FsError('CORRUPT', 'an open block has no checksums')
  return undefined
}

async function isProven(
  fd: number,
  from: number,
  slot: Slot,
  crcs: Uint32Array,
  memory: Buffer,
): Promise<boolean> {
  for (let at = Math.min(from, chunkStart(slot.length)); at < slot.length; at += CHECKSUM_CHUNK_BYTES) {
    const chunk = memory.subarray(0, Math.min(CHECKSUM_CHUNK_BYTES, slot.length - at))
    if ((await readAt(fd, chunk, at)) < chunk.length) return false
    const isWhole = chunk.length === CHECKSUM_CHUNK_BYTES
    const expected = isWhole ? crcs[at / CHECKSUM_CHUNK_BYTES] : slot.tailCrc
    if (crc32c(chunk) !== expected) return false
  }
  return true
}
