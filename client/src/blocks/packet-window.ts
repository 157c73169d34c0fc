/**
 * What a block writer has accepted and not yet seen acknowledged: packets in order, their checksums and their
 * memory. It copies the caller's bytes once, or holds them where they lie if the caller shares them. It
 * bounds what it holds, and never sends anything itself.
 */
import { assert } from '@hopbine/common/base/assert.ts'
import { PACKET_BYTES_MAX } from '@hopbine/common/protocol/block.ts'
import { type BufferPool, SharedBuffer } from '@hopbine/common/wire/buffer-pool.ts'
import { chunkCrcs, chunkRest, chunkStart } from '@hopbine/common/wire/chunk-crc.ts'

/** Bytes that may be unacknowledged; beyond it `write` waits. */
const WINDOW_BYTES_MAX = 8 * 1024 * 1024
/** A write of at least so many bytes gets a large packet. */
const LARGE_WRITE_BYTES = 48 * 1024

export interface Packet {
  /** Position of `bytes` in the block. */
  offset: number
  /** The part of the memory that counts. */
  bytes: Buffer
  /** Of the first `checked` bytes; of all once the packet is closed. */
  crcs: number[]
  checked: number
  readonly shared: SharedBuffer
  /** Sends whose memory the operating system has not taken yet. */
  inSocket: number
  acknowledged: boolean
}

export class PacketWindow {
  readonly #buffers: BufferPool
  /** Closed packets that wait to be sent, or were sent and wait for their acknowledgement. */
  readonly #packets: Packet[] = []
  /** How many of `#packets` were sent on the present connection. */
  #sent = 0
  #filling: Packet | undefined
  #acknowledged: number
  #length: number
  /** Checksum of the last partial chunk up to the end of the last closed packet. */
  #tailCrc: number

  constructor(buffers: BufferPool, start: number, tailCrc: number) {
    this.#buffers = buffers
    this.#acknowledged = start
    this.#length = start
    this.#tailCrc = tailCrc
  }

  get acknowledged(): number {
    return this.#acknowledged
  }

  get length(): number {
    return this.#length
  }

  get hasRoom(): boolean {
    return this.#length - this.#acknowledged < WINDOW_BYTES_MAX
  }

  get isEmpty(): boolean {
    return this.#length === this.#acknowledged
  }

  /** True while a sent packet is unacknowledged. */
  get isInFlight(): boolean {
    return this.#sent > 0
  }

  /**
   * Takes as much of `bytes` from `at` as one packet holds; returns how much that was. It copies them unless
   * they lie in `shared`, do not change any more, and make a packet as they are.
   */
  accept(bytes: Uint8Array, at: number, shared?: SharedBuffer): number {
    const rest = bytes.length - at
    if (shared !== undefined && this.#filling === undefined && rest >= LARGE_WRITE_BYTES) {
      const adopted = this.#adopt(bytes.subarray(at), shared)
      if (adopted > 0) return adopted
    }
    this.#filling ??= this.#newPacket(rest)
    const packet = this.#filling
    const used = packet.bytes.length
    const room = capacityOf(packet) - used
    const taken = Math.min(room, rest)
    this.#copy(packet, bytes.subarray(at, at + taken))
    this.#length += taken
    if (taken === room) this.close()
    return taken
  }

  /** Makes a packet of bytes where they lie; 0 if they are more than one takes. */
  #adopt(bytes: Uint8Array, shared: SharedBuffer): number {
    const packet = packetAt(this.#length, shared)
    if (bytes.length > PACKET_BYTES_MAX - (packet.offset % PACKET_BYTES_MAX)) return 0
    shared.hold()
    packet.bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length)
    this.#length += bytes.length
    this.#filling = packet
    this.close()
    return bytes.length
  }

  /** Each chunk that becomes whole is checksummed at once, while the processor still has it at hand. */
  #copy(packet: Packet, source: Uint8Array): void {
    let used = packet.bytes.length
    for (let at = 0; at < source.length; ) {
      const end = Math.min(source.length, at + chunkRest(packet.offset + used))
      packet.shared.memory.set(source.subarray(at, end), used)
      used += end - at
      at = end
      packet.bytes = packet.shared.memory.subarray(0, used)
      if (chunkStart(packet.offset + used) === packet.offset + used) this.#addCrcs(packet)
    }
  }

  /** Checksums what was copied since the last whole chunk. */
  #addCrcs(packet: Packet): void {
    const from = packet.checked
    const added = chunkCrcs(packet.bytes.subarray(from), packet.offset + from, this.#tailCrc)
    packet.crcs.push(...added)
    packet.checked = packet.bytes.length
    const end = packet.offset + packet.checked
    this.#tailCrc = chunkStart(end) === end ? 0 : (added.at(-1) as number)
  }

  /** Ends the packet that is being filled, so that it can be sent. */
  close(): void {
    const packet = this.#filling
    if (packet === undefined) return
    this.#filling = undefined
    if (packet.checked < packet.bytes.length) this.#addCrcs(packet)
    this.#packets.push(packet)
  }

  /** The next packet to send on this connection. */
  next(): Packet | undefined {
    const packet = this.#packets[this.#sent]
    if (packet === undefined) return undefined
    this.#sent += 1
    packet.inSocket += 1
    return packet
  }

  /** The operating system has taken a packet that `next` gave. */
  taken(packet: Packet): void {
    packet.inSocket -= 1
    this.#recycle(packet)
  }

  /** Everything below `length` is acknowledged. False if that was never sent. */
  acknowledge(length: number): boolean {
    let first = this.#packets[0]
    while (first !== undefined && this.#sent > 0 && first.offset + first.bytes.length <= length) {
      this.#packets.shift()
      this.#sent -= 1
      this.#acknowledged = first.offset + first.bytes.length
      first.acknowledged = true
      this.#recycle(first)
      first = this.#packets[0]
    }
    return length <= this.#acknowledged
  }

  /**
   * A new connection begins where the datanode's copy ends: what it holds already counts as acknowledged, the
   * rest is sent again. False if the copy is shorter than what was acknowledged, or longer than what was
   * accepted.
   */
  restart(length: number, tailCrc: number): boolean {
    this.close()
    if (length < this.#acknowledged || length > this.#length) return false
    this.#sent = this.#packets.length
    this.acknowledge(length)
    this.#sent = 0
    const first = this.#packets[0]
    if (first !== undefined && first.offset < length) {
      first.bytes = first.bytes.subarray(length - first.offset)
      first.offset = length
      first.crcs = chunkCrcs(first.bytes, length, tailCrc)
      this.#acknowledged = length
    }
    return true
  }

  /** Views of what was accepted and not acknowledged, in order. Stays valid: its memory is not used again. */
  unacknowledged(): Uint8Array[] {
    this.close()
    return this.#packets.map(packet => packet.bytes)
  }

  #newPacket(bytes: number): Packet {
    const room = bytes >= LARGE_WRITE_BYTES ? PACKET_BYTES_MAX : 1
    return packetAt(this.#length, new SharedBuffer(this.#buffers, room))
  }

  #recycle(packet: Packet): void {
    assert(packet.inSocket >= 0, 'a packet was taken more often than sent')
    if (packet.acknowledged && packet.inSocket === 0) packet.shared.letGo()
  }
}

/** An empty packet. */
function packetAt(offset: number, shared: SharedBuffer): Packet {
  const bytes = shared.memory.subarray(0, 0)
  return { offset, bytes, crcs: [], checked: 0, shared, inSocket: 0, acknowledged: false }
}

/**
 * Packets end where the block's megabytes (or, for small ones, chunks) end, so that chunks are whole again.
 */
function capacityOf(packet: Packet): number {
  const unit = packet.shared.memory.length
  return unit - (packet.offset % unit)
}
