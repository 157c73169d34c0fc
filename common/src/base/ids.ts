/**
 * Identifiers. Integers below 2^53, so that they are plain JavaScript numbers: the shard where the id was
 * born (12 bits) over a sequence (41 bits). Never reused. An id says nothing about where its subject lives
 * now.
 */
import { assert } from './assert.ts'

declare const brand: unique symbol
type Branded<Name extends string> = number & { readonly [brand]: Name }

export type InodeId = Branded<'InodeId'>
export type BlockId = Branded<'BlockId'>
export type ShardId = Branded<'ShardId'>

export const SHARD_ID_MAX = 4095
const SEQUENCE_SPAN = 2 ** 41

/** The shard that holds the top of the tree. */
export const ROOT_SHARD = 0 as ShardId
/** Inode of `/`. */
export const ROOT_INODE = 1 as InodeId
/** Hidden directory below which removed trees wait for reclaim; no path leads there. */
export const RECLAIM_INODE = 2 as InodeId
/** Hidden directory of inodes that have no name and are still open somewhere. */
export const ORPHAN_INODE = 3 as InodeId
/** First sequence that a shard hands out; what is below is reserved. */
export const FIRST_SEQUENCE = 1024

export function makeId(shard: number, sequence: number): number {
  assert(shard >= 0 && shard <= SHARD_ID_MAX, `shard ${shard} out of range`)
  assert(sequence >= 0 && sequence < SEQUENCE_SPAN, `sequence ${sequence} out of range`)
  return shard * SEQUENCE_SPAN + sequence
}

export function sequenceOf(id: number): number {
  return id % SEQUENCE_SPAN
}
