/**
 * Checks what a shard keeps twice: totals of directories against the entries below them, the packed table
 * against its rows, foreign keys, extents against blocks. Reads everything, so it costs the size of the
 * shard.
 */
import { ORPHAN_INODE, RECLAIM_INODE } from '@hopbine/common/base/ids.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { DirectoryTable } from './directory-table.ts'
import { ENTRY_FLAG } from './schema.ts'
import type { Tx } from './tx.ts'
import { checkAcls } from './verify-acls.ts'
import { checkLeases } from './verify-leases.ts'
import { checkXattrs } from './verify-xattrs.ts'

/** Problems that are spelled out; the rest is counted. */
const PROBLEMS_MAX = 1000

export interface Verdict {
  readonly problems: string[]
  readonly repaired: number
  readonly files: number
  readonly directories: number
  readonly blocks: number
}

/** One row per directory slot: what its entries say. */
interface Sums {
  readonly children: Float64Array
  readonly subdirectories: Float64Array
  readonly files: Float64Array
  readonly directories: Float64Array
  readonly bytes: Float64Array
  readonly diskBytes: Float64Array
}

const COLUMNS = ['children', 'subdirectories', 'files', 'directories', 'bytes', 'diskBytes'] as const

export function checkState(tx: Tx, repair: boolean): Verdict {
  tx.directoryRows.flush(tx.directories)
  const problems: string[] = []
  const report = (problem: string): void => {
    if (problems.length < PROBLEMS_MAX) problems.push(problem)
  }
  checkPackedTable(tx, report)
  const repaired = checkTotals(tx, repair, report)
  checkForeignKeys(tx, report)
  checkLeases(tx, report)
  checkContent(tx, report)
  checkAcls(tx, report)
  checkXattrs(tx, report)
  const count = (sql: string): number => tx.db.prepare<[], number>(sql).pluck().get() ?? 0
  return {
    problems,
    repaired,
    files: count(`SELECT count(*) FROM entry WHERE kind <> ${KIND.directory}`),
    directories: count(
      `SELECT count(*) FROM entry WHERE kind = ${KIND.directory}
         AND id NOT IN (${RECLAIM_INODE}, ${ORPHAN_INODE})`,
    ),
    blocks: count('SELECT count(*) FROM block'),
  }
}

function checkPackedTable(tx: Tx, report: (problem: string) => void): void {
  const d = tx.directories
  let rows = 0
  for (const row of tx.directoryRows.rows()) {
    rows += 1
    const slot = d.findId(row.id)
    if (slot < 0) {
      report(`directory ${row.id} is in the store and not in the packed table`)
      continue
    }
    const parent = d.parent[slot] as number
    const parentId = parent < 0 ? 0 : (d.id[parent] as number)
    if (parentId !== row.parentId || d.nameOf(slot) !== row.name) {
      report(
        `directory ${row.id} is ${row.parentId}/${row.name} in the store and elsewhere in the packed table`,
      )
    }
    if (parent >= 0 && d.find(parent, row.name) !== slot)
      report(`directory ${row.id} is not found by its name`)
    for (const column of ATTRIBUTES) {
      if (d[column][slot] !== row[column]) {
        report(
          `directory ${row.id}: ${column} is ${row[column]} in the store and ` +
            `${d[column][slot]} in the packed table`,
        )
      }
    }
  }
  if (rows !== d.count) report(`the store has ${rows} directories, the packed table ${d.count}`)
}

const ATTRIBUTES = [
  'mode',
  'ownerId',
  'groupId',
  'flags',
  'mtime',
  'mtimeNs',
  'ctime',
  'ctimeNs',
  'atime',
  'atimeNs',
  'nameQuota',
  'spaceQuota',
  ...COLUMNS,
] as const

function checkTotals(tx: Tx, repair: boolean, report: (problem: string) => void): number {
  const d = tx.directories
  const sums = sumEntries(tx)
  let repaired = 0
  for (const slot of d.slots()) {
    const wrong = COLUMNS.filter(column => d[column][slot] !== sums[column][slot])
    for (const column of wrong) {
      const name = `directory ${d.id[slot]} (${d.nameOf(slot) || '/'})`
      report(`${name}: ${column} should be ${sums[column][slot]} and is ${d[column][slot]}`)
      if (repair) d[column][slot] = sums[column][slot] as number
    }
    if (wrong.length === 0 || !repair) continue
    d.markDirty(slot)
    repaired += 1
  }
  return repaired
}

/** Own entries of each directory from the store, then summed from the deepest directories up. */
function sumEntries(tx: Tx): Sums {
  const d = tx.directories
  const size = d.slotsUsed
  const column = (): Float64Array => new Float64Array(size)
  const sums: Sums = {
    children: column(),
    subdirectories: column(),
    files: column(),
    directories: column(),
    bytes: column(),
    diskBytes: column(),
  }
  const rows = tx.db
    .prepare<[], [number, number, number, number, number]>(
      `SELECT parent_id, count(*), sum(kind = ${KIND.directory}), sum(size), sum(size * replication)
       FROM entry WHERE parent_id <> 0 GROUP BY parent_id`,
    )
    .raw()
  for (const [parentId, children, subdirectories, bytes, diskBytes] of rows.iterate()) {
    const slot = d.findId(parentId)
    if (slot < 0) continue
    sums.children[slot] = children
    sums.subdirectories[slot] = subdirectories
    sums.files[slot] = children - subdirectories
    sums.directories[slot] = subdirectories
    sums.bytes[slot] = bytes
    sums.diskBytes[slot] = diskBytes
  }
  for (const slot of deepestFirst(d)) {
    const parent = d.parent[slot] as number
    if (parent < 0) continue
    for (const name of ['files', 'directories', 'bytes', 'diskBytes'] as const) {
      sums[name][parent] = (sums[name][parent] as number) + (sums[name][slot] as number)
    }
  }
  return sums
}

function deepestFirst(d: DirectoryTable): number[] {
  const depth = (slot: number): number => {
    let steps = 0
    for (let at = d.parent[slot] as number; at >= 0; at = d.parent[at] as number) steps += 1
    return steps
  }
  return [...d.slots()]
    .map(slot => ({ slot, depth: depth(slot) }))
    .sort((a, b) => b.depth - a.depth)
    .map(({ slot }) => slot)
}

function checkForeignKeys(tx: Tx, report: (problem: string) => void): void {
  const rows = tx.db.pragma('foreign_key_check') as { table: string; rowid: number | null; parent: string }[]
  for (const { table, rowid, parent } of rows)
    report(`a row of ${table} (${rowid}) points to no row of ${parent}`)
  const orphans = tx.db
    .prepare<[], { id: number; parentId: number }>(
      `SELECT id, parent_id AS parentId FROM entry e WHERE parent_id <> 0
       AND NOT EXISTS (SELECT 1 FROM directory d WHERE d.id = e.parent_id)`,
    )
    .all()
  for (const { id, parentId } of orphans) report(`inode ${id} lies in ${parentId}, which is no directory`)
}

function checkContent(tx: Tx, report: (problem: string) => void): void {
  const all = <T>(sql: string): T[] => tx.db.prepare<[], T>(sql).all()
  const live = all<{ id: number; live: number; sum: number }>(
    `SELECT b.id, b.live_bytes AS live,
       coalesce((SELECT sum(length) FROM extent WHERE block_id = b.id), 0) AS sum
     FROM block b WHERE live <> sum`,
  )
  for (const { id, live: kept, sum } of live)
    report(`block ${id}: extents use ${sum} bytes, the row says ${kept}`)
  const overlaps = all<{ inodeId: number; offset: number }>(
    `SELECT inode_id AS inodeId, offset FROM (
       SELECT inode_id, offset, lag(offset + length) OVER (PARTITION BY inode_id ORDER BY offset) AS previous
       FROM extent) WHERE previous > offset`,
  )
  for (const { inodeId, offset } of overlaps) report(`inode ${inodeId}: extents overlap at ${offset}`)
  const beyond = all<{ id: number }>(
    `SELECT e.id FROM entry e JOIN extent x ON x.inode_id = e.id
     GROUP BY e.id HAVING max(x.offset + x.length) > e.size`,
  )
  for (const { id } of beyond) report(`inode ${id}: an extent reaches beyond its size`)
  const inline = all<{ id: number }>(
    `SELECT id FROM entry
     WHERE (flags & ${ENTRY_FLAG.inline} <> 0) <> (id IN (SELECT inode_id FROM inline_data))`,
  )
  for (const { id } of inline) report(`inode ${id}: its inline data and its flag disagree`)
}
