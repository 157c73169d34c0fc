/** The table of `hopbine admin`: what operators ask of a running installation, and the offline restore. */
import type { CommandRow } from './table.ts'

export const ADMIN_COMMANDS: readonly CommandRow[] = [
  {
    name: 'status',
    sentence: 'Show how the namenode and the datanodes are.',
    load: () => import('../admin/status.ts'),
  },
  {
    name: 'cluster',
    sentence: 'Show the group of namenodes, or let another member lead.',
    load: () => import('../admin/cluster.ts'),
  },
  {
    name: 'init',
    sentence: 'Make the authority of a cluster, for TLS between its nodes.',
    load: () => import('../admin/init.ts'),
  },
  {
    name: 'invite',
    sentence: 'Print a token with which one machine may join the cluster.',
    load: () => import('../admin/invite.ts'),
  },
  {
    name: 'join',
    sentence: 'Get this machine a certificate of a cluster.',
    load: () => import('../admin/join.ts'),
  },
  {
    name: 'revoke',
    sentence: 'Take the certificates of a node back.',
    load: () => import('../admin/revoke.ts'),
  },
  {
    name: 'fsck',
    sentence: 'Check totals, tables and blocks; repair totals with --repair.',
    load: () => import('../admin/fsck.ts'),
  },
  {
    name: 'changes',
    sentence: 'Show committed changes in order, or follow them.',
    load: () => import('../admin/changes.ts'),
  },
  {
    name: 'backup',
    sentence: 'Save the metadata to a file while everything runs.',
    load: () => import('../admin/backup.ts'),
  },
  {
    name: 'restore',
    sentence: 'Put a backup of the metadata in place, while nothing runs.',
    load: () => import('../admin/restore.ts'),
  },
]
