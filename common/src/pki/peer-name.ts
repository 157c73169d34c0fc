/**
 * Who a certificate of a cluster names: a URI `hopbine://CLUSTER/ROLE/ID` among its alternative names. Who
 * speaks on a connection is read from there and from nothing that the peer says.
 */
import type { X509Certificate } from 'node:crypto'
import { FsError } from '../base/errors.ts'

export interface PeerName {
  /** Name of the cluster's authority, drawn when it was made: 16 hexadecimal digits. */
  readonly cluster: string
  /** What it may be; `NodeRole` for machines of the cluster. */
  readonly role: string
  readonly id: string
}

/** Roles of machines. A namenode's certificate is also good for the datanodes beside it. */
export const NODE_ROLES = ['namenode', 'datanode'] as const
export type NodeRole = (typeof NODE_ROLES)[number]

/** Characters of an id: those that stand for themselves in a URI and in a file's name. */
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/
const URI = /^hopbine:\/\/([0-9a-f]{16})\/([a-z][a-z-]{0,31})\/([A-Za-z0-9][A-Za-z0-9._-]{0,63})$/

export function isPeerId(id: string): boolean {
  return ID.test(id)
}

export function isNodeRole(role: string): role is NodeRole {
  return (NODE_ROLES as readonly string[]).includes(role)
}

export function uriOf({ cluster, role, id }: PeerName): string {
  return `hopbine://${cluster}/${role}/${id}`
}

/** Throws UNAUTHENTICATED for a certificate that names nobody, or two. */
export function peerNameIn(certificate: X509Certificate): PeerName {
  const names = certificate.subjectAltName ?? ''
  // Node quotes a name with a comma in it; none of ours has one.
  const uris = names.includes('"') ? [] : names.split(', ').filter(name => name.startsWith('URI:'))
  const [, cluster, role, id] = URI.exec(uris.length === 1 ? (uris[0] ?? '').slice('URI:'.length) : '') ?? []
  if (cluster === undefined || role === undefined || id === undefined) {
    throw new FsError('UNAUTHENTICATED', 'the certificate names nobody of a Hopbine cluster')
  }
  return { cluster, role, id }
}
