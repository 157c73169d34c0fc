/** releaseDirectory: a queue gives one directory back, behind everything that it did in it. */
import { releaseDirectory as method } from '@hopbine/common/protocol/directory-leases.ts'
import { plainWrite } from './operation.ts'

export const releaseDirectory = plainWrite(method, (tx, _context, { inodeId }) => {
  tx.leases.drop(inodeId)
  return {}
})
