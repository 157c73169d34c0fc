/** What `--json` shows of a file or directory. */
import { type FileStatus, millisecondsOf } from '@hopbine/client/fs/status.ts'
import { octalText } from '../output/modes.ts'

export function statusJson(status: FileStatus): Record<string, unknown> {
  const { path, kindName: type, size, owner, group, replication, blockSize, children, id } = status
  return {
    path,
    type,
    size,
    owner,
    group,
    permission: octalText(status.mode),
    acl: status.hasAcl,
    modified: new Date(millisecondsOf(status.mtime)).toISOString(),
    accessed: new Date(millisecondsOf(status.atime)).toISOString(),
    replication,
    blockSize,
    ...(status.isDirectory() ? { children } : {}),
    ...(status.isSymlink() ? { target: status.target } : {}),
    id,
  }
}
