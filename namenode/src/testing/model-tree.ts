/**
 * A filesystem as plain objects, obviously right and slow: nodes that know their parent and children, paths
 * walked one name at a time, totals summed anew each time. Test only.
 */
import type { ErrorCode } from '@hopbine/common/base/errors.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'

const LINKS_MAX = 40

/** Why the model refuses a request. */
export class Refusal extends Error {
  readonly code: ErrorCode

  constructor(code: ErrorCode) {
    super(code)
    this.code = code
  }
}

export class ModelNode {
  /** Told by the filesystem when the node is made. */
  id = 0
  name: string
  parent: ModelNode | undefined
  readonly kind: number
  mode: number
  owner: string
  group: string
  /** Milliseconds. */
  atime: number
  mtime: number
  ctime: number
  readonly children = new Map<string, ModelNode>()
  nameQuota: number | undefined
  spaceQuota: number | undefined
  /** One word for each byte of a file. */
  cells: string[] = []
  inline = false
  /** Blocks that the file was given and that are not dead. */
  readonly blocks = new Set<number>()
  replication = 0
  generation = 1
  /** Client that has the file open; '' for none. */
  holder = ''
  unborn = false
  target = ''

  constructor(name: string, kind: number, mode: number, owner: string, group: string, now: number) {
    this.name = name
    this.kind = kind
    this.mode = mode
    this.owner = owner
    this.group = group
    this.atime = now
    this.mtime = now
    this.ctime = now
  }

  get isDirectory(): boolean {
    return this.kind === KIND.directory
  }

  get size(): number {
    return this.kind === KIND.symlink ? Buffer.byteLength(this.target) : this.cells.length
  }

  /** This node and everything below it. */
  *all(): Generator<ModelNode> {
    yield this
    for (const child of this.children.values()) yield* child.all()
  }

  /** This node and everything above it. */
  *up(): Generator<ModelNode> {
    for (let at: ModelNode | undefined = this; at !== undefined; at = at.parent) yield at
  }

  get path(): string {
    const names = [...this.up()].map(node => node.name).reverse()
    return names.length === 1 ? '/' : names.join('/')
  }

  get totals(): { files: number; directories: number; bytes: number; diskBytes: number } {
    const totals = { files: 0, directories: 0, bytes: 0, diskBytes: 0 }
    for (const node of this.all()) {
      if (node.isDirectory) totals.directories += 1
      else totals.files += 1
      totals.bytes += node.size
      totals.diskBytes += node.size * node.replication
    }
    return totals
  }

  attach(parent: ModelNode, name: string): void {
    this.name = name
    this.parent = parent
    parent.children.set(name, this)
  }

  detach(): void {
    this.parent?.children.delete(this.name)
    this.parent = undefined
  }
}

export const READ = 4
export const WRITE = 2
export const SEARCH = 1

export function allows(who: Principal, node: ModelNode, wanted: number): boolean {
  if (who.superuser) return true
  const shift = who.user === node.owner ? 6 : who.groups.includes(node.group) ? 3 : 0
  return ((node.mode >> shift) & wanted) === wanted
}

/** A name and the directory that it is in. `name` is '' for the root or a place reached by dots. */
export interface ModelPlace {
  readonly parent: ModelNode
  readonly name: string
}

export function nodeAt({ parent, name }: ModelPlace): ModelNode | undefined {
  return name === '' ? parent : parent.children.get(name)
}

/** Walks to the last component of a path; links on the way are followed. */
export function placeOf(root: ModelNode, who: Principal, path: string): ModelPlace {
  return walk(root, who, root, path, { left: LINKS_MAX })
}

/** The place at the end of all links. */
export function placeAfterLinks(root: ModelNode, who: Principal, path: string): ModelPlace {
  const budget = { left: LINKS_MAX }
  let place = walk(root, who, root, path, budget)
  for (;;) {
    const node = nodeAt(place)
    if (node?.kind !== KIND.symlink) return place
    spendLink(budget)
    place = walk(root, who, place.parent, node.target, budget)
  }
}

export function nodeOf(root: ModelNode, who: Principal, path: string, followLast: boolean): ModelNode {
  const node = nodeAt(followLast ? placeAfterLinks(root, who, path) : placeOf(root, who, path))
  if (node === undefined) throw new Refusal('NOT_FOUND')
  return node
}

type Budget = { left: number }

function spendLink(budget: Budget): void {
  budget.left -= 1
  if (budget.left < 0) throw new Refusal('SYMLINK_LOOP')
}

function walk(root: ModelNode, who: Principal, from: ModelNode, path: string, budget: Budget): ModelPlace {
  let at = path.startsWith('/') ? root : from
  const names = path.split('/').filter(name => name !== '')
  for (const [i, name] of names.entries()) {
    if (!allows(who, at, SEARCH)) throw new Refusal('ACCESS_DENIED')
    const isLast = i === names.length - 1
    if (name === '.' || name === '..') {
      at = name === '..' ? (at.parent ?? at) : at
      continue
    }
    if (isLast) return { parent: at, name }
    at = enter(root, who, at, name, budget)
  }
  return { parent: at, name: '' }
}

/** The directory of this name, through links. */
function enter(root: ModelNode, who: Principal, at: ModelNode, name: string, budget: Budget): ModelNode {
  const node = at.children.get(name)
  if (node === undefined) throw new Refusal('NOT_FOUND')
  if (node.isDirectory) return node
  if (node.kind !== KIND.symlink) throw new Refusal('NOT_A_DIRECTORY')
  spendLink(budget)
  const place = walk(root, who, at, node.target, budget)
  if (place.name === '') return place.parent
  return enter(root, who, place.parent, place.name, budget)
}

/** The directory where making parents begins, and the names that are missing below it. */
export function missingBelow(
  root: ModelNode,
  who: Principal,
  path: string,
): { parent: ModelNode; missing: string[]; last: string } {
  const names = path.split('/').filter(name => name !== '')
  const last = names.pop() ?? ''
  let parent = root
  for (const [i, name] of names.entries()) {
    if (!allows(who, parent, SEARCH)) throw new Refusal('ACCESS_DENIED')
    if (!parent.children.has(name)) return { parent, missing: names.slice(i), last }
    const next = nodeOf(root, who, `/${names.slice(0, i + 1).join('/')}`, true)
    if (!next.isDirectory) throw new Refusal('NOT_A_DIRECTORY')
    parent = next
  }
  if (!allows(who, parent, SEARCH)) throw new Refusal('ACCESS_DENIED')
  return { parent, missing: [], last }
}
