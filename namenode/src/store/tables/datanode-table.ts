/**
 * The `datanode` table with its copy in memory: who may hold blocks. Whether one is alive is soft state
 * elsewhere.
 */
import type { Db } from '../database.ts'

export interface DatanodeRow {
  readonly nodeId: string
  readonly host: string
  readonly port: number
  readonly rack: string
}

export class DatanodeTable {
  readonly #upsert
  #rows: DatanodeRow[]

  constructor(db: Db) {
    this.#upsert = db.prepare('INSERT OR REPLACE INTO datanode VALUES (?, ?, ?, ?)')
    this.#rows = db
      .prepare<[], DatanodeRow>('SELECT node_id AS nodeId, host, port, rack FROM datanode ORDER BY node_id')
      .all()
  }

  /** Every registered node, in order of id. */
  get all(): readonly DatanodeRow[] {
    return this.#rows
  }

  put(row: DatanodeRow): void {
    this.#upsert.run(row.nodeId, row.host, row.port, row.rack)
    this.#rows = [...this.#rows.filter(known => known.nodeId !== row.nodeId), row]
    this.#rows.sort((a, b) => (a.nodeId < b.nodeId ? -1 : 1))
  }
}
