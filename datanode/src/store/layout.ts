/**
 * Where things lie in a data folder:
 *
 *   format.json                        what this folder is: format, node, cluster
 *   lock                               who uses it now
 *   groups/GGG/xx/BLOCKID.open         bytes of a block that may still grow
 *   groups/GGG/xx/BLOCKID.blk          bytes of a sealed block, renamed after the seal is durable
 *   groups/GGG/xx/BLOCKID.crc          checksums of either
 *   quarantine/GGG-BLOCKID.{blk,crc}   bad copies, kept for people to look at
 *
 * GGG is the placement group, xx the block's last byte in hexadecimal. Only names here, no disk.
 */
import { join } from 'node:path'

export type BlockSuffix = 'open' | 'blk' | 'crc'

export interface BlockName {
  readonly blockId: number
  readonly group: number
}

export const GROUPS_FOLDER = 'groups'
export const QUARANTINE_FOLDER = 'quarantine'

export function groupFolder(dataDir: string, group: number): string {
  return join(dataDir, GROUPS_FOLDER, String(group).padStart(3, '0'))
}

export function blockFolder(dataDir: string, { blockId, group }: BlockName): string {
  return join(groupFolder(dataDir, group), (blockId % 256).toString(16).padStart(2, '0'))
}

export function blockPath(dataDir: string, name: BlockName, suffix: BlockSuffix): string {
  return join(blockFolder(dataDir, name), `${name.blockId}.${suffix}`)
}

export function quarantinePath(
  dataDir: string,
  { blockId, group }: BlockName,
  suffix: 'blk' | 'crc',
): string {
  return join(dataDir, QUARANTINE_FOLDER, `${String(group).padStart(3, '0')}-${blockId}.${suffix}`)
}

/** The block that a file's name speaks of, with its state; undefined for a `.crc` and for strangers. */
export function parseBlockFile(file: string): { blockId: number; sealed: boolean } | undefined {
  const match = /^(\d{1,16})\.(open|blk)$/.exec(file)
  if (match === null) return undefined
  const blockId = Number(match[1])
  return Number.isSafeInteger(blockId) ? { blockId, sealed: match[2] === 'blk' } : undefined
}

export function parseQuarantineFile(file: string): BlockName | undefined {
  const match = /^(\d{3,10})-(\d{1,16})\.blk$/.exec(file)
  return match === null ? undefined : { group: Number(match[1]), blockId: Number(match[2]) }
}
