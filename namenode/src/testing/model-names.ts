/** What operations on names mean to the model: each says every code it may be refused with. Test only. */
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import {
  type Asker,
  judge,
  type ModelState,
  mayRemoveFrom,
  type Refuse,
  touch,
  type Verdict,
} from './model-state.ts'
import {
  allows,
  type ModelNode,
  missingBelow,
  nodeAt,
  nodeOf,
  placeOf,
  READ,
  Refusal,
  SEARCH,
  WRITE,
} from './model-tree.ts'

const SET_ID_BITS = 0o6000
const SET_GID = 0o2000

export function mkdir(state: ModelState, { principal }: Asker, path: string, mode: number): Verdict {
  return judge(refuse => {
    const { parent, name } = placeOf(state.root, principal, path)
    refuse('ALREADY_EXISTS', nodeAt({ parent, name }) !== undefined)
    refuse('ACCESS_DENIED', !allows(principal, parent, WRITE | SEARCH))
    state.room(refuse, parent, 1, 0)
    return (now, idOf) => state.make(principal, parent, name, KIND.directory, mode, now, idOf)
  })
}

export function mkdirs(state: ModelState, { principal }: Asker, path: string, mode: number): Verdict {
  return judge(refuse => {
    const { parent, missing, last } = missingBelow(state.root, principal, path)
    if (missing.length === 0 && nodeAt({ parent, name: last }) !== undefined) {
      const there = nodeOf(state.root, principal, path, true)
      refuse('ALREADY_EXISTS', !there.isDirectory)
      return () => undefined
    }
    refuse('ACCESS_DENIED', !allows(principal, parent, WRITE | SEARCH))
    state.room(refuse, parent, missing.length + 1, 0)
    return (now, idOf) => {
      const low = state.makeAll(principal, parent, missing, mode, now, idOf)
      state.make(principal, low, last, KIND.directory, mode, now, idOf)
    }
  })
}

export function remove(state: ModelState, { principal }: Asker, path: string, recursive: boolean): Verdict {
  return judge(refuse => {
    const node = nodeOf(state.root, principal, path, false)
    const { parent } = node
    if (parent === undefined) throw new Refusal('NOT_PERMITTED')
    const isFull = node.children.size > 0
    refuse('NOT_EMPTY', isFull && !recursive)
    refuse('ACCESS_DENIED', isFull && !allows(principal, node, READ | WRITE | SEARCH))
    refuse('ACCESS_DENIED', !allows(principal, parent, WRITE | SEARCH))
    refuse('NOT_PERMITTED', !mayRemoveFrom(principal, parent, node))
    return now => state.drop(node, now)
  })
}

export function symlink(state: ModelState, { principal }: Asker, path: string, target: string): Verdict {
  return judge(refuse => {
    const { parent, name } = placeOf(state.root, principal, path)
    refuse('ALREADY_EXISTS', nodeAt({ parent, name }) !== undefined)
    refuse('ACCESS_DENIED', !allows(principal, parent, WRITE | SEARCH))
    state.room(refuse, parent, 1, 0)
    return (now, idOf) => {
      const node = state.make(principal, parent, name, KIND.symlink, 0o777, now, idOf)
      node.target = target
    }
  })
}

export function rename(
  state: ModelState,
  asker: Asker,
  from: string,
  to: string,
  mode: 'noReplace' | 'replace' | 'exchange',
): Verdict {
  const { principal } = asker
  return judge(refuse => {
    const fromPlace = placeOf(state.root, principal, from)
    if (fromPlace.name === '') throw new Refusal('INVALID_ARGUMENT')
    const toPlace = placeOf(state.root, principal, to)
    if (toPlace.name === '') throw new Refusal('INVALID_ARGUMENT')
    const source = nodeAt(fromPlace)
    const existing = nodeAt(toPlace)
    if (source === undefined) throw new Refusal('NOT_FOUND')
    requireLeave(refuse, principal, source, toPlace.parent)
    if (mode === 'exchange') {
      if (existing === undefined) {
        refuse('NOT_FOUND', true)
        return () => undefined
      }
      if (existing !== source) requireLeave(refuse, principal, existing, fromPlace.parent)
      state.roomToMove(refuse, source, toPlace.parent, existing)
      state.roomToMove(refuse, existing, fromPlace.parent, source)
      return now => exchangeNodes(source, existing, now)
    }
    refuse('ACCESS_DENIED', existing === undefined && !allows(principal, toPlace.parent, WRITE | SEARCH))
    refuse('ALREADY_EXISTS', existing !== undefined && mode === 'noReplace')
    if (existing === source) return () => undefined
    if (existing !== undefined) requireReplaceable(refuse, principal, source, existing)
    state.roomToMove(refuse, source, toPlace.parent, existing)
    return now => {
      if (existing !== undefined) state.drop(existing, now)
      touch(fromPlace.parent, now)
      source.detach()
      source.attach(toPlace.parent, toPlace.name)
      touch(toPlace.parent, now)
      source.ctime = now
    }
  })
}

export function chmod(state: ModelState, { principal }: Asker, path: string, mode: number): Verdict {
  return judge(refuse => {
    const node = nodeOf(state.root, principal, path, true)
    refuse('NOT_PERMITTED', !principal.superuser && principal.user !== node.owner)
    const isOutside = !principal.superuser && !principal.groups.includes(node.group)
    return now => {
      node.mode = isOutside && !node.isDirectory ? mode & ~SET_GID : mode
      node.ctime = now
    }
  })
}

export function chown(
  state: ModelState,
  { principal }: Asker,
  path: string,
  owner?: string,
  group?: string,
): Verdict {
  return judge(refuse => {
    const node = nodeOf(state.root, principal, path, true)
    if (!principal.superuser) {
      refuse('NOT_PERMITTED', principal.user !== node.owner)
      refuse('NOT_PERMITTED', owner !== undefined && owner !== node.owner)
      refuse('NOT_PERMITTED', group !== undefined && !principal.groups.includes(group))
    }
    return now => {
      node.owner = owner ?? node.owner
      node.group = group ?? node.group
      if (!principal.superuser && !node.isDirectory) node.mode &= ~SET_ID_BITS
      node.ctime = now
    }
  })
}

export function utimes(state: ModelState, { principal }: Asker, path: string, seconds: number): Verdict {
  return judge(refuse => {
    const node = nodeOf(state.root, principal, path, true)
    refuse('NOT_PERMITTED', principal.user !== node.owner && !allows(principal, node, WRITE))
    return now => {
      node.mtime = seconds * 1000
      node.ctime = now
    }
  })
}

export function setQuota(
  state: ModelState,
  { principal }: Asker,
  path: string,
  names?: number,
  bytes?: number,
): Verdict {
  return judge(refuse => {
    refuse('NOT_PERMITTED', !principal.superuser)
    const node = nodeOf(state.root, principal, path, true)
    refuse('NOT_A_DIRECTORY', !node.isDirectory)
    return () => {
      if (names !== undefined) node.nameQuota = names < 0 ? undefined : names
      if (bytes !== undefined) node.spaceQuota = bytes < 0 ? undefined : bytes
    }
  })
}

function requireLeave(refuse: Refuse, who: Principal, node: ModelNode, to: ModelNode): void {
  const parent = node.parent as ModelNode
  refuse('ACCESS_DENIED', !allows(who, parent, WRITE | SEARCH))
  refuse('NOT_PERMITTED', !mayRemoveFrom(who, parent, node))
  refuse('INVALID_ARGUMENT', [...to.up()].includes(node))
  refuse('ACCESS_DENIED', node.isDirectory && parent !== to && !allows(who, node, WRITE))
}

function requireReplaceable(refuse: Refuse, who: Principal, source: ModelNode, existing: ModelNode): void {
  const parent = existing.parent as ModelNode
  refuse('IS_A_DIRECTORY', existing.isDirectory && !source.isDirectory)
  refuse('NOT_A_DIRECTORY', !existing.isDirectory && source.isDirectory)
  refuse('NOT_EMPTY', existing.isDirectory && source.isDirectory && existing.children.size > 0)
  refuse('ACCESS_DENIED', !allows(who, parent, WRITE | SEARCH))
  refuse('NOT_PERMITTED', !mayRemoveFrom(who, parent, existing))
}

function exchangeNodes(a: ModelNode, b: ModelNode, now: number): void {
  if (a === b) return
  const [parentA, nameA] = [a.parent as ModelNode, a.name]
  const [parentB, nameB] = [b.parent as ModelNode, b.name]
  a.detach()
  b.detach()
  a.attach(parentB, nameB)
  b.attach(parentA, nameA)
  for (const node of [parentA, parentB]) touch(node, now)
  for (const node of [a, b]) node.ctime = now
}
