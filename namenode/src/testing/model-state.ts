/**
 * The state of the model, and the steps that several operations share. Test only.
 */
import type { ErrorCode } from '@hopbine/common/base/errors.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { allows, ModelNode, nodeOf, Refusal } from './model-tree.ts'

/** The request must fail with one of these, or, if there are none, `apply` says what it does. */
export interface Verdict {
  readonly refusals: ReadonlySet<ErrorCode>
  /** `idOf` asks the filesystem for the inode that it made at a path. */
  apply(now: number, idOf: IdOf): void
}

export interface Asker {
  readonly principal: Principal
  readonly clientId: string
}

export type IdOf = (path: string) => number
export type Refuse = (code: ErrorCode, when: boolean) => void

export interface ModelCreate {
  /** Absent: the file stays open. */
  readonly content: Uint8Array | undefined
  readonly mode: number
  readonly overwrite: boolean
  readonly parents: boolean
  readonly replication: number
}

const SET_GID = 0o2000
const STICKY = 0o1000

/** Gathers every code with which a request may be refused. */
export function judge(body: (refuse: Refuse) => Verdict['apply']): Verdict {
  const refusals = new Set<ErrorCode>()
  try {
    const apply = body((code, when) => {
      if (when) refusals.add(code)
    })
    return { refusals, apply }
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    refusals.add(error.code)
    return { refusals, apply: () => undefined }
  }
}

export function mayRemoveFrom(who: Principal, parent: ModelNode, node: ModelNode): boolean {
  if (who.superuser || (parent.mode & STICKY) === 0) return true
  return who.user === node.owner || who.user === parent.owner
}

export function resize(node: ModelNode, size: number): void {
  node.cells.length = Math.min(node.cells.length, size)
  while (node.cells.length < size) node.cells.push('hole')
  if (size === 0) node.inline = false
}

export function setInline(node: ModelNode, content: Uint8Array): void {
  node.cells = [...content].map(byte => `inline:${byte}`)
  node.inline = content.length > 0
}

export function touch(node: ModelNode, now: number): void {
  node.mtime = now
  node.ctime = now
}

export class ModelState {
  readonly root: ModelNode
  /** Blocks that nothing uses: tombstones once everything removed is taken apart. */
  readonly deadBlocks = new Set<number>()
  /** Clients that count as silent. */
  readonly silent = new Set<string>()

  constructor(owner: string, now: number) {
    this.root = new ModelNode('', KIND.directory, 0o755, owner, owner, now)
    this.root.id = 1
  }

  /** Every file of a client closes at what it committed. */
  closeClient(clientId: string): void {
    for (const node of this.root.all()) if (node.holder === clientId) this.close(node)
  }

  isTakeable(node: ModelNode): boolean {
    return node.holder === '' || this.silent.has(node.holder)
  }

  file(principal: Principal, path: string, wanted: number, refuse: Refuse): ModelNode {
    const node = nodeOf(this.root, principal, path, true)
    if (node.isDirectory) throw new Refusal('IS_A_DIRECTORY')
    refuse('ACCESS_DENIED', !allows(principal, node, wanted))
    return node
  }

  /** Every directory above must have room for so much more; what shrinks is always allowed. */
  room(refuse: Refuse, directory: ModelNode, names: number, diskBytes: number, above?: ModelNode): void {
    for (const at of directory.up()) {
      if (at === above) return
      const { files, directories, diskBytes: used } = at.totals
      refuse('NAME_QUOTA_EXCEEDED', names > 0 && files + directories + names > (at.nameQuota ?? Infinity))
      refuse('SPACE_QUOTA_EXCEEDED', diskBytes > 0 && used + diskBytes > (at.spaceQuota ?? Infinity))
    }
  }

  roomToMove(refuse: Refuse, source: ModelNode, to: ModelNode, gone: ModelNode | undefined): void {
    const [more, less] = [source.totals, gone?.totals]
    const names = more.files + more.directories - (less?.files ?? 0) - (less?.directories ?? 0)
    const aboveBoth = [...to.up()].find(node => [...(source.parent as ModelNode).up()].includes(node))
    this.room(refuse, to, names, more.diskBytes - (less?.diskBytes ?? 0), aboveBoth)
  }

  make(
    principal: Principal,
    parent: ModelNode,
    name: string,
    kind: number,
    mode: number,
    now: number,
    idOf: IdOf,
  ): ModelNode {
    const inherits = (parent.mode & SET_GID) !== 0
    const group = inherits ? parent.group : (principal.groups[0] as string)
    const node = new ModelNode(name, kind, mode, principal.user, group, now)
    if (node.isDirectory && inherits) node.mode |= SET_GID
    const mayLend = principal.superuser || principal.groups.includes(group)
    if (!node.isDirectory && !mayLend) node.mode &= ~SET_GID
    node.attach(parent, name)
    node.id = idOf(node.path)
    touch(parent, now)
    return node
  }

  makeAll(
    principal: Principal,
    from: ModelNode,
    names: readonly string[],
    mode: number,
    now: number,
    idOf: IdOf,
  ): ModelNode {
    let low = from
    for (const name of names) {
      low = this.make(principal, low, name, KIND.directory, (mode & 0o777) | 0o300, now, idOf)
    }
    return low
  }

  makeFile(
    { principal, clientId }: Asker,
    parent: ModelNode,
    name: string,
    { content, mode, replication }: ModelCreate,
    now: number,
    idOf: IdOf,
  ): void {
    const node = this.make(principal, parent, name, KIND.file, mode, now, idOf)
    node.replication = replication
    if (content === undefined) {
      node.holder = clientId
      node.unborn = true
    } else {
      setInline(node, content)
    }
  }

  /** Takes a node and all below it out of the tree. */
  drop(node: ModelNode, now: number): void {
    touch(node.parent as ModelNode, now)
    node.detach()
    for (const { blocks } of node.all()) for (const blockId of blocks) this.deadBlocks.add(blockId)
  }

  close(node: ModelNode): void {
    if (node.holder === '') return
    node.holder = ''
    node.unborn = false
    this.buryUnused(node)
  }

  buryUnused(node: ModelNode): void {
    for (const blockId of node.blocks) {
      if (node.cells.some(cell => cell.startsWith(`${blockId}:`))) continue
      node.blocks.delete(blockId)
      this.deadBlocks.add(blockId)
    }
  }
}
