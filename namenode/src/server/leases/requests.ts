/** Which requests look where: the footprint of a request by its method and its fields. */
import { setAcl } from '@hopbine/common/protocol/acl.ts'
import { beginRewrite, finishRewrite } from '@hopbine/common/protocol/cluster.ts'
import { acquireDirectory } from '@hopbine/common/protocol/directory-leases.ts'
import {
  chmod,
  chown,
  link,
  list_,
  readlink,
  remove,
  rename,
  setQuota,
  summary,
} from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { Footprint, Reach } from './footprint.ts'

const ids = (methods: readonly { readonly id: number }[]): ReadonlySet<number> =>
  new Set(methods.map(({ id }) => id))

/** Of datanodes, about bytes alone; and the question for a lease, which is refused rather than waits. */
const NEVER_WAIT = ids([beginRewrite, finishRewrite, acquireDirectory])
/** About everything below a directory: totals, or rights and places of what others work in. */
const TREES = ids([summary, setQuota, chmod, chown, setAcl, remove, rename])
/** About a name itself, also where it is a symbolic link. */
const NAMES = ids([remove, rename, link, readlink])

/** Fields by which requests name what they are about. */
interface Named {
  readonly path?: string
  readonly from?: string
  readonly to?: string
  readonly directory?: string
  readonly inodeId?: number
  readonly followLast?: boolean
}

/** Lets the footprint follow everything that the request names. */
export function lookAt(footprint: Footprint, method: Method<unknown, unknown>, request: unknown): void {
  if (NEVER_WAIT.has(method.id)) return
  const { path, from, to, directory, inodeId, followLast = !NAMES.has(method.id) } = request as Named
  const reach = reachOf(method.id)
  for (const at of [path, from, to, directory]) if (at !== undefined) footprint.path(at, followLast, reach)
  if (inodeId !== undefined) footprint.inode(inodeId)
}

function reachOf(method: number): Reach {
  if (TREES.has(method)) return 'tree'
  return method === list_.id ? 'children' : 'itself'
}
