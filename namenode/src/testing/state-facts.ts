/**
 * Facts about a replica's state that tests compare: what it keeps in memory, and how much it wrote. Test
 * only.
 */
import type { DirectoryTable } from '../store/directory-table.ts'
import type { Tx } from '../store/tx.ts'

const COLUMNS = [
  'mode',
  'ownerId',
  'groupId',
  'flags',
  'atime',
  'atimeNs',
  'mtime',
  'mtimeNs',
  'ctime',
  'ctimeNs',
  'children',
  'subdirectories',
  'files',
  'directories',
  'bytes',
  'diskBytes',
  'nameQuota',
  'spaceQuota',
] as const

/** Every directory of the packed table in order of id, whatever slots they lie in. */
export function packedRows(d: DirectoryTable): string[] {
  const rows: { id: number; text: string }[] = []
  for (const slot of d.slots()) {
    const parent = d.parent[slot] as number
    const parentId = parent < 0 ? 0 : d.id[parent]
    const values = COLUMNS.map(column => d[column][slot])
    const id = d.id[slot] as number
    rows.push({ id, text: `${id} in ${parentId} as ${d.nameOf(slot)}: ${values.join(' ')}` })
  }
  return rows.sort((a, b) => a.id - b.id).map(row => row.text)
}

/** Everything in memory that a refused operation must leave as it was. */
export function memoryFacts(tx: Tx): string {
  const leases = tx.sessions.holders().map(client => [client, ...tx.sessions.openInodes(client)])
  const facts = [packedRows(tx.directories), leases, leaseFacts(tx), tx.datanodes.all, tx.meta.nextId]
  return JSON.stringify(facts)
}

/** Queues of directory leases with all that they hold. */
export function leaseFacts(tx: Tx): string[] {
  const texts = [...tx.leases.queues].map(({ dirty, ids, leases, reserves, ...queue }) =>
    JSON.stringify({
      ...queue,
      ids: ids.toArray(),
      leases: [...leases].sort(([a], [b]) => a - b),
      reserves: [...reserves].sort(([a], [b]) => a - b),
    }),
  )
  return texts.sort()
}

/** Rows that this connection inserted, changed or deleted so far. */
export function rowsWritten(tx: Tx): number {
  return tx.db.prepare<[], number>('SELECT total_changes()').pluck().get() ?? 0
}
