/** The inodes and names that a request is about, whichever method it is of. Pure. */
import { parseInodePath } from '@hopbine/common/protocol/inode-path.ts'

export interface Footprint {
  /** Names in directories, by the directory's inode. */
  readonly names: readonly { readonly id: number; readonly name: string }[]
  /** Inodes named by their ids. */
  readonly inodeIds: readonly number[]
}

interface AnyRequest {
  readonly path?: string
  readonly from?: string
  readonly to?: string
  readonly inodeId?: number
  readonly inodeIds?: readonly number[]
}

export function footprintOf(request: unknown): Footprint {
  const { path, from, to, inodeId, inodeIds = [] } = request as AnyRequest
  const names: { id: number; name: string }[] = []
  const ids = [...inodeIds]
  if (inodeId !== undefined) ids.push(inodeId)
  for (const one of [path, from, to]) {
    const parts = one === undefined ? undefined : parseInodePath(one)
    if (parts === undefined) continue
    if (parts.name === '') ids.push(parts.id)
    else names.push(parts)
  }
  return { names, inodeIds: ids }
}
