import { FsError } from '../base/errors.ts'
import { GROUPS_MAX, IDENTITY_BYTES_MAX } from '../base/limits.ts'
import { ping } from '../protocol/session.ts'

/** Who asks. Made by the server from the connection and from nothing that a client merely states. */
export interface Principal {
  readonly user: string
  /** Primary group first; never empty. */
  readonly groups: readonly string[]
  /** Passes every permission check of files and may administer the cluster. */
  readonly superuser: boolean
  /** Numbers of the methods that it may call; absent: all. Then it speaks for nobody else either. */
  readonly calls?: ReadonlySet<number>
}

/** Throws NOT_PERMITTED for a method that the principal may not call. */
export function requireCall({ user, calls }: Principal, method: number): void {
  if (calls === undefined || calls.has(method) || method === ping.id) return
  throw new FsError('NOT_PERMITTED', `${user} may not call method ${method}`)
}

/** The principal that `own` may speak for: superusers for anyone, others for nobody but themselves. */
export function actAs(own: Principal, wanted: { user: string; groups: readonly string[] }): Principal {
  for (const name of [wanted.user, ...wanted.groups]) {
    if (name === '' || Buffer.byteLength(name) > IDENTITY_BYTES_MAX) {
      throw new FsError('INVALID_ARGUMENT', `users and groups are names of 1 to ${IDENTITY_BYTES_MAX} bytes`)
    }
  }
  if (wanted.groups.length > GROUPS_MAX) {
    throw new FsError('INVALID_ARGUMENT', `a principal has at most ${GROUPS_MAX} groups`)
  }
  if (!own.superuser && wanted.user !== own.user) {
    throw new FsError('NOT_PERMITTED', `${own.user} may not act as ${wanted.user}`)
  }
  if (!own.superuser) return own
  if (own.calls !== undefined) throw new FsError('NOT_PERMITTED', `${own.user} may act as nobody else`)
  const groups = wanted.groups.length > 0 ? wanted.groups : [wanted.user]
  return { user: wanted.user, groups, superuser: wanted.user === own.user }
}
