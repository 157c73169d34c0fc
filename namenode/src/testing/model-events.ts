/** Builds the tree anew from nothing but the change feed, as a consumer would, and compares. Test only. */
import assert from 'node:assert/strict'
import { ROOT_INODE } from '@hopbine/common/base/ids.ts'
import type { ChangeEvent } from '@hopbine/common/protocol/types.ts'
import type { Executor } from './executor.ts'
import type { ModelState } from './model-state.ts'

const PLACES = new Set(['mkdir', 'create', 'symlink', 'rename'])
const REMOVES = new Set(['remove', 'abandon'])
const OTHERS = new Set(
  'commit complete truncate chmod chown utimes setReplication setQuota lease-expired'.split(' '),
)

interface Place {
  readonly parentId: number
  readonly name: string
}

export function compareEvents({ root }: ModelState, real: Executor): void {
  const places = new Map<number, Place>()
  let last: ChangeEvent | undefined
  for (const event of real.state.feed.read(0, 1_000_000)) {
    const isNext = last === undefined || event.index > last.index || event.part === last.part + 1
    assert(isNext, 'events come in order')
    last = event
    const { what, inodeId, parentId, name } = event
    if (REMOVES.has(what)) places.delete(inodeId)
    else if (PLACES.has(what)) place(places, inodeId, { parentId, name })
    else assert(OTHERS.has(what), `${what} is a known event`)
  }
  const found = [...places.keys()].map(id => pathOf(places, id)).filter(path => path !== undefined)
  const wanted = [...root.all()].filter(node => node !== root).map(node => `${node.path} ${node.id}`)
  assert.deepEqual(found.sort(), wanted.sort(), 'the feed alone tells the tree')
}

/** A name holds one inode: what had it before was replaced. */
function place(places: Map<number, Place>, inodeId: number, at: Place): void {
  for (const [id, { parentId, name }] of places) {
    if (id !== inodeId && parentId === at.parentId && name === at.name) places.delete(id)
  }
  places.set(inodeId, at)
}

/** Path and inode, or undefined for what lies in something that was removed. */
function pathOf(places: ReadonlyMap<number, Place>, inodeId: number): string | undefined {
  const names: string[] = []
  for (let id = inodeId; id !== ROOT_INODE; ) {
    const at = places.get(id)
    if (at === undefined) return undefined
    names.unshift(at.name)
    id = at.parentId
  }
  return `/${names.join('/')} ${inodeId}`
}
