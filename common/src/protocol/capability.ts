/**
 * Block capabilities: the right to read or write one block for a short time, minted by the namenode and
 * checked by datanodes that share its key. Fixed fields, the principal's name, and an HMAC-SHA256 (RFC 2104)
 * over both. It knows no clock: the minter says when a capability ends, the checker says what time it is.
 */
import { hash, timingSafeEqual } from 'node:crypto'
import { assert } from '../base/assert.ts'
import { FsError } from '../base/errors.ts'

/** Bits of what a capability allows; `admin` lists the blocks of a node and names no block. */
export const CAPABILITY_MODE = { read: 1, write: 2, both: 3, admin: 4 } as const

export interface CapabilityFields {
  /** 0 for an `admin` capability. */
  readonly blockId: number
  readonly generation: number
  readonly group: number
  /** Bits of `CAPABILITY_MODE`. */
  readonly mode: number
  /** Whom the right was given to, for the datanode's log; at most 1,024 bytes of UTF-8. */
  readonly principal: string
  /** Second since 1970 from which on it is no longer valid. */
  readonly expirySeconds: number
  /** A datanode refuses epochs below the lowest valid one that the namenode tells it. */
  readonly epoch: number
}

/** What a request needs of the capability that comes with it. */
export interface CapabilityDemand {
  readonly blockId: number
  readonly generation: number
  /** Every bit of it must be allowed. */
  readonly mode: number
  readonly nowSeconds: number
  readonly epochMin: number
}

export const CAPABILITY_KEY_BYTES = 32
const VERSION = 1
const FIXED_BYTES = 36
const PRINCIPAL_BYTES_MAX = 1024
const MAC_BYTES = 32
const HASH_BLOCK_BYTES = 64

/**
 * The two hash inputs of one key, the key's pads already in place; the message is written behind the inner
 * pad.
 */
interface Pads {
  readonly inner: Buffer
  readonly outer: Buffer
}

// Two one-shot hashes over prepared pads take 2 us where createHmac takes 13.
const padsByKey = new WeakMap<Uint8Array, Pads>()

/** Encodes and signs. Keep `key` in one object: what is prepared for it is found again by identity. */
export function mintCapability(key: Uint8Array, fields: CapabilityFields): Buffer {
  const pads = padsOf(key)
  const messageBytes = writeFields(pads.inner, fields)
  const minted = Buffer.allocUnsafe(messageBytes + MAC_BYTES)
  pads.inner.copy(minted, 0, HASH_BLOCK_BYTES, HASH_BLOCK_BYTES + messageBytes)
  sign(pads, messageBytes).copy(minted, messageBytes)
  return minted
}

/** Verifies and decodes; throws BAD_CAPABILITY with the reason. */
export function checkCapability(
  key: Uint8Array,
  bytes: Uint8Array,
  demand: CapabilityDemand,
): CapabilityFields {
  const messageBytes = bytes.length - MAC_BYTES
  if (messageBytes < FIXED_BYTES || messageBytes > FIXED_BYTES + PRINCIPAL_BYTES_MAX) {
    throw refused('it has the wrong size')
  }
  const pads = padsOf(key)
  pads.inner.set(bytes.subarray(0, messageBytes), HASH_BLOCK_BYTES)
  if (!timingSafeEqual(sign(pads, messageBytes), bytes.subarray(messageBytes))) {
    throw refused('its signature is wrong')
  }
  const fields = readFields(bytes, messageBytes)
  if (fields.expirySeconds <= demand.nowSeconds) throw refused('it has expired')
  if (fields.epoch < demand.epochMin) throw refused('it was revoked')
  if ((fields.mode & demand.mode) !== demand.mode) throw refused('it does not allow this')
  if (fields.blockId !== demand.blockId) throw refused('it is for another block')
  if (fields.generation !== demand.generation) throw refused('it is for another generation of the block')
  return fields
}

function writeFields(inner: Buffer, fields: CapabilityFields): number {
  const at = HASH_BLOCK_BYTES
  const principalBytes = Buffer.byteLength(fields.principal)
  assert(principalBytes <= PRINCIPAL_BYTES_MAX, `a principal of ${principalBytes} bytes`)
  inner.writeUInt8(VERSION, at)
  inner.writeUInt8(fields.mode, at + 1)
  inner.writeUInt16LE(principalBytes, at + 2)
  inner.writeUInt32LE(fields.group, at + 4)
  inner.writeUInt32LE(fields.epoch, at + 8)
  inner.writeDoubleLE(fields.blockId, at + 12)
  inner.writeDoubleLE(fields.generation, at + 20)
  inner.writeDoubleLE(fields.expirySeconds, at + 28)
  inner.write(fields.principal, at + FIXED_BYTES, 'utf8')
  return FIXED_BYTES + principalBytes
}

function readFields(bytes: Uint8Array, messageBytes: number): CapabilityFields {
  const message = Buffer.from(bytes.buffer, bytes.byteOffset, messageBytes)
  const principalBytes = message.readUInt16LE(2)
  if (message.readUInt8(0) !== VERSION || principalBytes !== messageBytes - FIXED_BYTES) {
    throw refused('its form is unknown')
  }
  return {
    mode: message.readUInt8(1),
    group: message.readUInt32LE(4),
    epoch: message.readUInt32LE(8),
    blockId: message.readDoubleLE(12),
    generation: message.readDoubleLE(20),
    expirySeconds: message.readDoubleLE(28),
    principal: message.toString('utf8', FIXED_BYTES),
  }
}

function sign(pads: Pads, messageBytes: number): Buffer {
  const inner = hash('sha256', pads.inner.subarray(0, HASH_BLOCK_BYTES + messageBytes), 'buffer')
  inner.copy(pads.outer, HASH_BLOCK_BYTES)
  return hash('sha256', pads.outer, 'buffer')
}

function padsOf(key: Uint8Array): Pads {
  const known = padsByKey.get(key)
  if (known !== undefined) return known
  assert(key.length === CAPABILITY_KEY_BYTES, `a capability key of ${key.length} bytes`)
  const pads: Pads = {
    inner: Buffer.alloc(HASH_BLOCK_BYTES + FIXED_BYTES + PRINCIPAL_BYTES_MAX, 0),
    outer: Buffer.alloc(HASH_BLOCK_BYTES + MAC_BYTES, 0),
  }
  for (let i = 0; i < HASH_BLOCK_BYTES; i++) {
    pads.inner[i] = (key[i] ?? 0) ^ 0x36
    pads.outer[i] = (key[i] ?? 0) ^ 0x5c
  }
  padsByKey.set(key, pads)
  return pads
}

function refused(reason: string): FsError {
  return new FsError('BAD_CAPABILITY', `the block capability is refused: ${reason}`)
}
