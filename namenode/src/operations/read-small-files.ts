/** readSmallFiles: content that a program which reads a directory file by file asks for next. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { readSmallFiles as method } from '@hopbine/common/protocol/directory-leases.ts'
import { ENTRY_FLAG } from '../store/schema.ts'
import { read } from './operation.ts'

/** Entries looked at, and bytes answered but for the last file, at most. */
const ENTRIES_MAX = 256
const BYTES_MAX = 1024 * 1024

export const readSmallFiles = read({
  method,
  query(tx, { inodeId, bytes }, context) {
    if (!context.principal.superuser) throw new FsError('NOT_PERMITTED', `${method.name} is for superusers`)
    const first = tx.entries.findId(inodeId)
    if (first === undefined) throw new FsError('NOT_FOUND', `inode ${inodeId} is no file`)
    const files: { inodeId: number; generation: number; inline: Buffer }[] = []
    let left = Math.min(bytes, BYTES_MAX)
    for (const { id, flags, generation } of [
      first,
      ...tx.entries.page(first.parentId, first.name, ENTRIES_MAX),
    ]) {
      if (left <= 0) break
      if ((flags & ENTRY_FLAG.inline) === 0) continue
      const inline = tx.inline.get(id)
      files.push({ inodeId: id, generation, inline })
      left -= inline.length
    }
    return { files }
  },
})
