/**
 * The block protocol: how bytes travel between clients and datanodes. Each side first sends a preface, then
 * frames:
 *
 *   preface  'HBLK' · u16 newest version · u16 oldest version
 *   frame    u32 headBytes · u32 dataBytes · u8 kind · u8 flags · u16 reserved · u32 request · head · data
 *
 * All little-endian. A connection serves one request at a time; its answers carry the request's number.
 *
 *   write → ready; then any of packet (answered by ack when written, several at once) and sync → synced; and
 *           at last seal → sealed or end → ended, which frees the connection
 *   read  → data …, the last one flagged
 *   stat  → statAnswer        list → listAnswer
 *
 * Anything may be answered by a failure, which ends the request; while it streams a write, it ends the
 * connection too. A checksum is CRC32C over at most 64 KiB: a block is cut at multiples of 64 KiB from its
 * start. In a packet each one covers its chunk from the chunk's start to the packet's end, so that a chunk's
 * value grows with it; in data it covers the bytes sent.
 */
import { FsError } from '../base/errors.ts'
import { bytes, flag, int, list, record, u32, type ValueOf } from '../wire/codec.ts'
import { datanodeAddress, failure } from './types.ts'

/**
 * Version of the block protocol; both sides use the lower of their newest ones.
 *
 *   1  first: write, sync, seal, read, stat, list
 */
export const BLOCK_VERSION = 1
export const BLOCK_VERSION_OLDEST = 1

const MAGIC = 0x4b4c4248
export const PREFACE_BYTES = 8
export const BLOCK_HEADER_BYTES = 16
/** The head of one frame; larger: the connection ends with FRAME_TOO_LARGE. */
export const BLOCK_HEAD_BYTES_MAX = 16 * 1024
/** The data of one frame; larger: the connection ends with FRAME_TOO_LARGE. */
export const PACKET_BYTES_MAX = 1024 * 1024
/** Blocks in one `listAnswer`. */
export const BLOCK_LIST_MAX = 10_000

export const BLOCK_FRAME = {
  write: 1,
  packet: 2,
  sync: 3,
  seal: 4,
  end: 5,
  read: 6,
  stat: 7,
  list: 8,
  ready: 33,
  ack: 34,
  synced: 35,
  sealed: 36,
  ended: 37,
  data: 38,
  statAnswer: 39,
  listAnswer: 40,
  failure: 48,
} as const

/**
 * Opens a stream into a block. `offset`: the block's length so far, 0 for a new block, −1 for whatever it is.
 * A longer copy is cut to it, but never below what was synced. `chain`: members that get the same bytes from
 * this one.
 */
export const writeRequest = record({
  capability: bytes,
  blockId: int,
  generation: int,
  group: u32,
  offset: int,
  chain: list(datanodeAddress),
})
/**
 * `length` and the checksum of the last partial chunk, which the next packet continues (0: it starts a
 * chunk).
 */
export const ready = record({ length: int, tailCrc: u32, sealed: flag })
export const packet = record({ offset: int, crcs: list(u32) })
/**
 * Everything below `length` is verified and written (ack), on disk (synced), or immutable (sealed) at every
 * member.
 */
export const progress = record({ length: int })

/** `length` −1 reads to the end of the block. */
export const readRequest = record({
  capability: bytes,
  blockId: int,
  generation: int,
  group: u32,
  offset: int,
  length: int,
})
export const data = record({ offset: int, crcs: list(u32), last: flag })

export const statRequest = record({ capability: bytes, blockId: int, generation: int, group: u32 })
export const statAnswer = record({ length: int, syncedLength: int, generation: int, sealed: flag })

/** Blocks in order of id after `after`, at most `max` of them; needs an `admin` capability. */
export const listRequest = record({ capability: bytes, after: int, max: u32 })
export const heldBlock = record({ blockId: int, group: u32, length: int, sealed: flag, quarantined: flag })
export type HeldBlock = ValueOf<typeof heldBlock>
/** The frame's head says whether there are more; its data is a `heldBlocks`. */
export const listAnswer = record({ more: flag })
export const heldBlocks = list(heldBlock)

/** The head of a failure frame is the same record as in the RPC. */
export { failure }

/** The node that a failure further down a chain speaks of stands in the details under this key. */
export const FAILED_NODE = 'nodeId'

/**
 * Name of the Linux abstract socket on which a datanode that listens on loopback serves its own machine at
 * half the cost of TCP. As with a TCP port, only one process at a time can have it, and it ends with the
 * process.
 */
export function localSocketName({
  nodeId,
  port,
}: {
  readonly nodeId: string
  readonly port: number
}): string {
  return `\0hopbine-block/${nodeId}/${port}`
}

/** True where a datanode's address can only be that of this machine, and the machine has abstract sockets. */
export function hasLocalSocket(host: string): boolean {
  return process.platform === 'linux' && (host === '127.0.0.1' || host === '::1' || host === 'localhost')
}

export function encodePreface(): Buffer {
  const preface = Buffer.alloc(PREFACE_BYTES)
  preface.writeUInt32LE(MAGIC, 0)
  preface.writeUInt16LE(BLOCK_VERSION, 4)
  preface.writeUInt16LE(BLOCK_VERSION_OLDEST, 6)
  return preface
}

/**
 * The version to speak with the peer; throws BAD_FRAME for a stranger and VERSION_MISMATCH for a peer too far
 * apart.
 */
export function agreedVersion(preface: Buffer): number {
  if (preface.readUInt32LE(0) !== MAGIC) throw new FsError('BAD_FRAME', 'the peer does not speak blocks')
  const newest = preface.readUInt16LE(4)
  const oldest = preface.readUInt16LE(6)
  if (oldest > BLOCK_VERSION || newest < BLOCK_VERSION_OLDEST) {
    throw new FsError(
      'VERSION_MISMATCH',
      `the peer speaks ${oldest} to ${newest}, this side ${BLOCK_VERSION_OLDEST} to ${BLOCK_VERSION}`,
    )
  }
  return Math.min(newest, BLOCK_VERSION)
}

/** Every record of the protocol, for the test that hashes their shapes. */
export const BLOCK_RECORDS = {
  writeRequest,
  ready,
  packet,
  progress,
  readRequest,
  data,
  statRequest,
  statAnswer,
  listRequest,
  listAnswer,
  heldBlock,
  failure,
} as const
