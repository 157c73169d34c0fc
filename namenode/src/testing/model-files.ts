/** What operations on files mean to the model: each says every code it may be refused with. Test only. */
import type { Extent } from '@hopbine/common/protocol/types.ts'
import {
  type Asker,
  judge,
  type ModelCreate,
  type ModelState,
  mayRemoveFrom,
  resize,
  setInline,
  touch,
  type Verdict,
} from './model-state.ts'
import { allows, type ModelNode, missingBelow, nodeAt, placeAfterLinks, SEARCH, WRITE } from './model-tree.ts'

export function create(state: ModelState, asker: Asker, path: string, options: ModelCreate): Verdict {
  const { principal } = asker
  const diskBytes = (options.content?.length ?? 0) * options.replication
  return judge(refuse => {
    if (options.parents) {
      const { parent, missing, last } = missingBelow(state.root, principal, path)
      if (missing.length > 0) {
        refuse('ACCESS_DENIED', !allows(principal, parent, WRITE | SEARCH))
        state.room(refuse, parent, missing.length + 1, diskBytes)
        return (now, idOf) => {
          const low = state.makeAll(principal, parent, missing, 0o755, now, idOf)
          state.makeFile(asker, low, last, options, now, idOf)
        }
      }
    }
    const { parent, name } = placeAfterLinks(state.root, principal, path)
    const old = nodeAt({ parent, name })
    refuse('IS_A_DIRECTORY', old?.isDirectory === true)
    refuse('ACCESS_DENIED', !allows(principal, parent, WRITE | SEARCH))
    if (old !== undefined && !old.isDirectory) {
      refuse('ALREADY_EXISTS', !options.overwrite)
      refuse('ACCESS_DENIED', !allows(principal, old, WRITE))
      refuse('NOT_PERMITTED', !mayRemoveFrom(principal, parent, old))
      refuse('LEASE_CONFLICT', !state.isTakeable(old))
    }
    state.room(refuse, parent, old === undefined ? 1 : 0, diskBytes - (old?.totals.diskBytes ?? 0))
    return (now, idOf) => {
      if (old !== undefined) state.drop(old, now)
      state.makeFile(asker, parent, name, options, now, idOf)
    }
  })
}

export function append(state: ModelState, { principal, clientId }: Asker, path: string): Verdict {
  return judge(refuse => {
    const node = state.file(principal, path, WRITE, refuse)
    refuse('LEASE_CONFLICT', !state.isTakeable(node))
    return () => {
      state.close(node)
      node.holder = clientId
      node.generation += 1
    }
  })
}

export function addBlock({ clientId }: Asker, node: ModelNode, blockId: () => number): Verdict {
  return judge(refuse => {
    refuse('LEASE_LOST', node.holder !== clientId)
    return () => node.blocks.add(blockId())
  })
}

/** `complete` with `close`, else `commitExtents`. */
export function commit(
  state: ModelState,
  { clientId }: Asker,
  node: ModelNode,
  extents: readonly Extent[],
  size: number,
  close: boolean,
): Verdict {
  return judge(refuse => {
    refuse('LEASE_LOST', node.holder !== clientId)
    const wrong = extents.some(e => e.offset + e.length > size || !node.blocks.has(e.blockId))
    refuse('INVALID_ARGUMENT', wrong)
    state.room(refuse, node.parent as ModelNode, 0, (size - node.size) * node.replication)
    return now => {
      if (extents.length > 0 || size !== node.size) touch(node, now)
      if (extents.length > 0 && node.inline) {
        node.inline = false
        node.cells = node.cells.map(() => 'hole')
      }
      for (const { offset, length, blockId, blockOffset } of extents) {
        for (let i = 0; i < length; i++) {
          while (node.cells.length <= offset + i) node.cells.push('hole')
          node.cells[offset + i] = `${blockId}:${blockOffset + i}`
        }
      }
      resize(node, size)
      if (close) state.close(node)
    }
  })
}

export function completeInline(
  state: ModelState,
  { clientId }: Asker,
  node: ModelNode,
  content: Uint8Array,
): Verdict {
  return judge(refuse => {
    refuse('LEASE_LOST', node.holder !== clientId)
    state.room(refuse, node.parent as ModelNode, 0, (content.length - node.size) * node.replication)
    return now => {
      setInline(node, content)
      touch(node, now)
      state.close(node)
    }
  })
}

export function abandon(state: ModelState, { clientId }: Asker, node: ModelNode): Verdict {
  return judge(refuse => {
    refuse('LEASE_LOST', node.holder !== clientId)
    return now => {
      if (node.unborn) state.drop(node, now)
      else state.close(node)
    }
  })
}

export function truncate(
  state: ModelState,
  { principal, clientId }: Asker,
  path: string,
  size: number,
): Verdict {
  return judge(refuse => {
    const node = state.file(principal, path, WRITE, refuse)
    const isOwn = node.holder === clientId
    refuse('LEASE_CONFLICT', !isOwn && !state.isTakeable(node))
    state.room(refuse, node.parent as ModelNode, 0, (size - node.size) * node.replication)
    return now => {
      if (!isOwn) state.close(node)
      resize(node, size)
      touch(node, now)
      if (!isOwn) state.buryUnused(node)
    }
  })
}

export function setReplication(
  state: ModelState,
  { principal }: Asker,
  path: string,
  replication: number,
): Verdict {
  return judge(refuse => {
    const node = state.file(principal, path, WRITE, refuse)
    const more = node.size * (replication - node.replication)
    state.room(refuse, node.parent as ModelNode, 0, more)
    return now => {
      node.replication = replication
      node.ctime = now
    }
  })
}
