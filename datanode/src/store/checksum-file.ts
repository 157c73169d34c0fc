/**
 * The form of a block's `.crc` file: who the block is, four slots that each state a length, and a CRC32C for
 * each whole 64 KiB chunk. Two slots take turns for synced lengths, so that the newest durable one is never
 * overwritten; two more take turns for acknowledged lengths, which survive the death of the process, not of
 * the machine. The checksum of a partial last chunk stands in the slot, since it changes as the chunk grows.
 * Bytes only, no disk.
 *
 *   0     'HCRC' · u16 format · u16 0 · f64 block · u32 group · u32 chunk bytes · u32 CRC32C of what precedes
 *   512   slot: f64 length · f64 generation · f64 sequence · u32 tail CRC32C · u32 sealed · u32 CRC32C
 *   1024, 1536, 2048  slots
 *   4096  u32 for each whole chunk
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import { CHECKSUM_CHUNK_BYTES } from '@hopbine/common/base/limits.ts'
import { crc32c } from '@hopbine/common/wire/crc32c.ts'
import type { BlockName } from './layout.ts'

/** What one slot states: the block had this length, ending in a partial chunk of this checksum. */
export interface Slot {
  /** Where it stands: 0 … 3. */
  readonly index: number
  readonly length: number
  readonly generation: number
  /** Grows with each slot that is written; the newest that fits the data wins. */
  readonly sequence: number
  readonly tailCrc: number
  /** In a synced slot: the block is immutable from this length on, whatever its file is called. */
  readonly sealed: boolean
}

export const ENTRIES_START = 4096
export const ENTRY_BYTES = 4
/** First of the two slots for synced, and for acknowledged lengths. */
export const SYNCED_SLOT = 0
export const ACKNOWLEDGED_SLOT = 2
const MAGIC = 0x43524348
const FORMAT = 1
const SECTOR_BYTES = 512
const IDENTITY_BYTES = 24
const SLOT_BYTES = 32
/** What stands in the place of a slot that states nothing. */
export const NO_SLOT = Buffer.alloc(SLOT_BYTES + 4)

export function slotPosition(index: number): number {
  return SECTOR_BYTES * (1 + index)
}

export function encodeIdentity({ blockId, group }: BlockName): Buffer {
  const bytes = Buffer.alloc(IDENTITY_BYTES + 4)
  bytes.writeUInt32LE(MAGIC, 0)
  bytes.writeUInt16LE(FORMAT, 4)
  bytes.writeDoubleLE(blockId, 8)
  bytes.writeUInt32LE(group, 16)
  bytes.writeUInt32LE(CHECKSUM_CHUNK_BYTES, 20)
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, IDENTITY_BYTES)), IDENTITY_BYTES)
  return bytes
}

/** Throws CORRUPT unless the file's start says that it belongs to this block in a form known here. */
export function checkIdentity(file: Buffer, name: BlockName): void {
  const expected = encodeIdentity(name)
  if (file.length < expected.length || !file.subarray(0, expected.length).equals(expected)) {
    throw new FsError('CORRUPT', `the checksum file of block ${name.blockId} does not belong to it`)
  }
}

export function encodeSlot(slot: Omit<Slot, 'index'>): Buffer {
  const bytes = Buffer.alloc(SLOT_BYTES + 4)
  bytes.writeDoubleLE(slot.length, 0)
  bytes.writeDoubleLE(slot.generation, 8)
  bytes.writeDoubleLE(slot.sequence, 16)
  bytes.writeUInt32LE(slot.tailCrc, 24)
  bytes.writeUInt32LE(slot.sealed ? 1 : 0, 28)
  bytes.writeUInt32LE(crc32c(bytes.subarray(0, SLOT_BYTES)), SLOT_BYTES)
  return bytes
}

/** Undefined where no slot was written whole. */
export function decodeSlot(file: Buffer, index: number): Slot | undefined {
  const at = slotPosition(index)
  if (file.length < at + SLOT_BYTES + 4) return undefined
  const bytes = file.subarray(at, at + SLOT_BYTES)
  const sequence = bytes.readDoubleLE(16)
  if (sequence === 0 || file.readUInt32LE(at + SLOT_BYTES) !== crc32c(bytes)) return undefined
  return {
    index,
    length: bytes.readDoubleLE(0),
    generation: bytes.readDoubleLE(8),
    sequence,
    tailCrc: bytes.readUInt32LE(24),
    sealed: bytes.readUInt32LE(28) === 1,
  }
}

export function encodeEntries(crcs: Uint32Array, first: number, end: number): Buffer {
  const bytes = Buffer.allocUnsafe((end - first) * ENTRY_BYTES)
  for (let index = first; index < end; index++) {
    bytes.writeUInt32LE(crcs[index] as number, (index - first) * ENTRY_BYTES)
  }
  return bytes
}

/** Checksums of the whole chunks; fewer than `count` if the file ends before. */
export function decodeEntries(file: Buffer, count: number): Uint32Array {
  const held = Math.max(0, Math.min(count, Math.floor((file.length - ENTRIES_START) / ENTRY_BYTES)))
  const crcs = new Uint32Array(held)
  for (let index = 0; index < held; index++) {
    crcs[index] = file.readUInt32LE(ENTRIES_START + index * ENTRY_BYTES)
  }
  return crcs
}
