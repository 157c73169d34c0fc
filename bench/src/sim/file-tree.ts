/**
 * A file system of two levels as the simulation's clients see it, small enough that they meet one another all
 * the time. The replicated machine applies its operations, and the checker of histories tries orders of them.
 */

interface TreeNode {
  /** Number of the call that made it. */
  readonly inode: number
  /** When the client said that it was made, in milliseconds. */
  readonly timeMs: number
  /** Of a directory. */
  readonly children: Map<string, TreeNode> | undefined
}

export type TreeCall =
  | { readonly f: 'create' | 'mkdir'; readonly path: string; readonly inode: number; readonly timeMs: number }
  | { readonly f: 'delete' | 'list'; readonly path: string }
  | { readonly f: 'rename'; readonly path: string; readonly to: string }

export type TreeFailure = 'ALREADY_EXISTS' | 'NOT_FOUND' | 'NOT_EMPTY' | 'NOT_A_DIRECTORY' | 'INTO_ITSELF'

/** What a call answers: an inode, a listing, or why it failed. */
export type TreeAnswer = number | string | TreeFailure

export class FileTree {
  readonly #root: TreeNode

  constructor(root: TreeNode = { inode: 0, timeMs: 0, children: new Map() }) {
    this.#root = root
  }

  copy(): FileTree {
    return new FileTree(copyOf(this.#root))
  }

  /** The whole tree as text; equal for equal trees. */
  get text(): string {
    return textOf(this.#root)
  }

  static parse(text: string): FileTree {
    return new FileTree(fromPlain(JSON.parse(text) as PlainNode))
  }

  get plain(): PlainNode {
    return toPlain(this.#root)
  }

  static fromPlain(plain: PlainNode): FileTree {
    return new FileTree(fromPlain(plain))
  }

  call(call: TreeCall): TreeAnswer {
    switch (call.f) {
      case 'create':
      case 'mkdir':
        return this.#make(call.path, {
          inode: call.inode,
          timeMs: call.timeMs,
          children: call.f === 'mkdir' ? new Map() : undefined,
        })
      case 'delete':
        return this.#delete(call.path)
      case 'rename':
        return this.#rename(call.path, call.to)
      case 'list':
        return this.#list(call.path)
    }
  }

  #make(path: string, node: TreeNode): TreeAnswer {
    const { parent, name } = this.#place(path)
    if (parent === undefined) return 'NOT_FOUND'
    if (parent.has(name)) return 'ALREADY_EXISTS'
    parent.set(name, node)
    return node.inode
  }

  #delete(path: string): TreeAnswer {
    const { parent, name } = this.#place(path)
    const node = parent?.get(name)
    if (node === undefined) return 'NOT_FOUND'
    if ((node.children?.size ?? 0) > 0) return 'NOT_EMPTY'
    parent?.delete(name)
    return node.inode
  }

  #rename(path: string, to: string): TreeAnswer {
    const from = this.#place(path)
    const node = from.parent?.get(from.name)
    if (node === undefined) return 'NOT_FOUND'
    if (to === path || to.startsWith(`${path}/`)) return 'INTO_ITSELF'
    const target = this.#place(to)
    if (target.parent === undefined) return 'NOT_FOUND'
    if (target.parent.has(target.name)) return 'ALREADY_EXISTS'
    from.parent?.delete(from.name)
    target.parent.set(target.name, node)
    return node.inode
  }

  #list(path: string): TreeAnswer {
    const { parent, name } = this.#place(path)
    const node = path === '' ? this.#root : parent?.get(name)
    if (node === undefined) return 'NOT_FOUND'
    if (node.children === undefined) return 'NOT_A_DIRECTORY'
    return [...node.children]
      .map(([name, { inode, timeMs }]) => `${name}=${inode}@${timeMs}`)
      .sort()
      .join(' ')
  }

  /** The directory that holds a path, undefined where there is none. */
  #place(path: string): { parent: Map<string, TreeNode> | undefined; name: string } {
    const [first = '', second] = path.split('/')
    if (second === undefined) return { parent: this.#root.children, name: first }
    return { parent: this.#root.children?.get(first)?.children, name: second }
  }
}

/** For JSON: the children as pairs. */
export interface PlainNode {
  readonly inode: number
  readonly timeMs: number
  readonly children?: ReadonlyArray<readonly [string, PlainNode]>
}

function toPlain({ inode, timeMs, children }: TreeNode): PlainNode {
  if (children === undefined) return { inode, timeMs }
  return { inode, timeMs, children: [...children].map(([name, node]) => [name, toPlain(node)] as const) }
}

function fromPlain({ inode, timeMs, children }: PlainNode): TreeNode {
  const nodes = children?.map(([name, node]) => [name, fromPlain(node)] as const)
  return { inode, timeMs, children: nodes === undefined ? undefined : new Map(nodes) }
}

function copyOf({ inode, timeMs, children }: TreeNode): TreeNode {
  if (children === undefined) return { inode, timeMs, children }
  return { inode, timeMs, children: new Map([...children].map(([name, node]) => [name, copyOf(node)])) }
}

function textOf({ inode, timeMs, children }: TreeNode): string {
  if (children === undefined) return `${inode}@${timeMs}`
  const parts = [...children].map(([name, node]) => `${name}=${textOf(node)}`).sort()
  return `${inode}@${timeMs}(${parts.join(' ')})`
}
