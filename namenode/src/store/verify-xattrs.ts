/** Checks that flags tell which inodes have rows of `xattr`. */
import { ENTRY_FLAG } from './schema.ts'
import type { Tx } from './tx.ts'

export function checkXattrs(tx: Tx, report: (problem: string) => void): void {
  const differing = tx.db
    .prepare<[number], number>(
      'SELECT id FROM entry WHERE (flags & ? <> 0) <> (id IN (SELECT inode_id FROM xattr))',
    )
    .pluck()
  for (const id of differing.all(ENTRY_FLAG.xattrs)) {
    report(`inode ${id}: its extended attributes and its flag disagree`)
  }
}
