/**
 * Digests of everything that a shard stores, for comparing replicas: equal after the same commands, wherever
 * each replica put the borders of its transactions. Reads every row, so it costs the size of the shard; it
 * sees what is committed or written, not what still gathers in memory.
 */
import { createHash, type Hash } from 'node:crypto'
import { pack, unpack } from 'msgpackr'
import type { Db } from './database.ts'

/** Every table but `change`, each in the order of its key. */
const TABLES = {
  meta: 'SELECT * FROM meta',
  identity: 'SELECT * FROM identity ORDER BY id',
  entry: 'SELECT * FROM entry ORDER BY parent_id, name',
  directory: 'SELECT * FROM directory ORDER BY id',
  xattr: 'SELECT * FROM xattr ORDER BY inode_id, name',
  acl: 'SELECT * FROM acl ORDER BY inode_id, scope, tag, identity_id',
  inline_data: 'SELECT * FROM inline_data ORDER BY inode_id',
  block: 'SELECT * FROM block ORDER BY id',
  extent: 'SELECT * FROM extent ORDER BY inode_id, offset',
  tombstone: 'SELECT * FROM tombstone ORDER BY block_id',
  session: 'SELECT * FROM session ORDER BY client_id',
  lease_queue: 'SELECT * FROM lease_queue ORDER BY queue_id',
  directory_lease: 'SELECT * FROM directory_lease ORDER BY inode_id',
  leader_note: 'SELECT * FROM leader_note ORDER BY note',
  datanode: 'SELECT * FROM datanode ORDER BY node_id',
} as const

export type TableName = keyof typeof TABLES | 'change'

/**
 * Sha256 in hexadecimal digits of each table; two replicas that differ do so in the tables named here. Change
 * events count from log index `changesFrom` on, which both must still keep.
 */
export function tableHashes(db: Db, changesFrom: number): Record<TableName, string> {
  const hashes: Partial<Record<TableName, string>> = {}
  for (const [table, sql] of Object.entries(TABLES) as [keyof typeof TABLES, string][]) {
    const hash = createHash('sha256')
    for (const row of db.prepare<[], unknown[]>(sql).raw().iterate()) hash.update(pack(row))
    hashes[table] = hash.digest('hex')
  }
  const change = createHash('sha256')
  addChanges(db, changesFrom, change)
  hashes.change = change.digest('hex')
  return hashes as Record<TableName, string>
}

/** Sha256 in hexadecimal digits over every table. */
export function stateHash(db: Db, changesFrom: number): string {
  const hash = createHash('sha256')
  for (const [table, digest] of Object.entries(tableHashes(db, changesFrom))) {
    hash.update(`${table} ${digest}\n`)
  }
  return hash.digest('hex')
}

/** Each replica keeps the events in rows of its own making, and drops whole rows: events count one by one. */
function addChanges(db: Db, from: number, hash: Hash): void {
  const rows = db
    .prepare<[number], Buffer>('SELECT events FROM change WHERE last_index >= ? ORDER BY first_index')
    .pluck()
  for (const blob of rows.iterate(from)) {
    for (const event of unpack(blob) as [number, ...unknown[]][]) {
      if (event[0] >= from) hash.update(pack(event))
    }
  }
}
