/** Who asks. Made by the server from the connection and from nothing that a client merely states. */
export interface Principal {
  readonly user: string
  /** Primary group first; never empty. */
  readonly groups: readonly string[]
  /** Passes every permission check of files and may administer the cluster. */
  readonly superuser: boolean
}
