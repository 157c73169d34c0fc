/**
 * Where blocks live, computed and never stored: a block belongs to a placement group, and a group orders the
 * datanodes by rendezvous hashing (Thaler and Ravishankar, 1998), so that a node that comes or goes moves
 * only its own share. Pure.
 */

/** Placement groups of a cluster; part of the format of datanode folders, so never changed. */
export const GROUPS = 256

export function groupOf(blockId: number): number {
  return mix(blockId >>> 0, Math.floor(blockId / 2 ** 32)) % GROUPS
}

/** The nodes in the group's order of preference. */
export function orderOf<N extends { readonly nodeId: string }>(group: number, nodes: readonly N[]): N[] {
  return nodes
    .map(node => ({ node, weight: mix(group, hashOfText(node.nodeId)) }))
    .sort((a, b) => b.weight - a.weight || (a.node.nodeId < b.node.nodeId ? -1 : 1))
    .map(({ node }) => node)
}

function hashOfText(text: string): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193)
  return hash >>> 0
}

function mix(a: number, b: number): number {
  let h = Math.imul(a ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(b + 0x7f4a7c15, 0xc2b2ae35)
  h ^= h >>> 16
  h = Math.imul(h, 0x7feb352d)
  h ^= h >>> 15
  h = Math.imul(h, 0x846ca68b)
  h ^= h >>> 16
  return h >>> 0
}
