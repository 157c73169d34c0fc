/**
 * What the parts of one `FileSystem` share: the calls to the namenode, the leases and the caller's
 * defaults.
 */
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import type { BlockPool } from '../blocks/block-pool.ts'
import type { LeaseRenewer } from './lease-renewer.ts'

export interface Session {
  readonly rpc: RpcCaller
  /** Connections to datanodes. */
  readonly blocks: BlockPool
  readonly leases: LeaseRenewer
  /** Where relative paths start. */
  readonly home: string
  /** Permission bits that new files and directories do not get. */
  readonly umask: number
}
