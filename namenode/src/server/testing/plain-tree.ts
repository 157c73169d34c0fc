/** A tree of names in plain maps: what a filesystem should answer, without its machinery. Test only. */

interface NameStep<Op> {
  readonly op: Op
  /** Path of the directory. */
  readonly at: string
  readonly name: string
}

interface ContentStep<Op> extends NameStep<Op> {
  readonly content: string
}

export interface RenameStep extends NameStep<'rename'> {
  readonly to: string
  readonly toName: string
}

interface DirectoryStep<Op> {
  readonly op: Op
  readonly at: string
}

/** Makes something, unless the name is taken; `put` then replaces the content. */
export type MakingStep = NameStep<'mkdir'> | ContentStep<'create'> | ContentStep<'put'>
type OneNameStep = MakingStep | NameStep<'remove'> | NameStep<'read'> | NameStep<'stat'>
export type TreeStep = OneNameStep | RenameStep | DirectoryStep<'list'> | DirectoryStep<'summary'>

interface TreeNode {
  readonly id: number
  /** Of a file. */
  readonly content: string | undefined
  /** Of a directory. */
  readonly children: ReadonlyMap<string, number>
}

const ROOT = 1
export const INODES = '/.reserved/.inodes/'

export class PlainTree {
  #nodes: Map<number, TreeNode>

  constructor(nodes?: ReadonlyMap<number, TreeNode>) {
    this.#nodes = new Map(nodes ?? [[ROOT, { id: ROOT, content: undefined, children: new Map() }]])
  }

  copy(): PlainTree {
    return new PlainTree(this.#nodes)
  }

  /** The same for trees that hold the same. */
  text(): string {
    const nodes = [...this.#nodes.values()].sort((a, b) => a.id - b.id)
    return JSON.stringify(nodes.map(({ id, content, children }) => [id, content, [...children].sort()]))
  }

  /** Ids of all directories. */
  directories(): number[] {
    return [...this.#nodes.values()].filter(node => node.content === undefined).map(node => node.id)
  }

  /** Path by names of a directory. */
  pathOf(id: number): string {
    if (id === ROOT) return '/'
    for (const { id: parent, children } of this.#nodes.values()) {
      for (const [name, child] of children) {
        if (child === id) return `${parent === ROOT ? '' : this.pathOf(parent)}/${name}`
      }
    }
    throw new Error(`no directory ${id}`)
  }

  /** What the step answers: 'ok', a value as text, or the code of an error. `newId` is for what it makes. */
  run(step: TreeStep, newId: number): string {
    const directory = this.#resolve(step.at)
    if (directory === undefined) return 'NOT_FOUND'
    switch (step.op) {
      case 'list':
        return this.#list(directory)
      case 'summary':
        return this.#summary(directory)
      case 'rename':
        return this.#rename(directory, step)
      default:
        return this.#one(directory, step, newId)
    }
  }

  #one(directory: TreeNode, step: OneNameStep, newId: number): string {
    const child = this.#child(directory, step.name)
    switch (step.op) {
      case 'mkdir':
        return child !== undefined ? 'ALREADY_EXISTS' : this.#add(directory, step.name, newId, undefined)
      case 'create':
        if (child === undefined) return this.#add(directory, step.name, newId, step.content)
        return child.content === undefined ? 'IS_A_DIRECTORY' : 'ALREADY_EXISTS'
      case 'put':
        if (child === undefined) return this.#add(directory, step.name, newId, step.content)
        if (child.content === undefined) return 'IS_A_DIRECTORY'
        this.#nodes.set(child.id, { ...child, content: step.content })
        return 'ok'
      case 'remove':
        if (child === undefined) return 'NOT_FOUND'
        if (child.children.size > 0) return 'NOT_EMPTY'
        this.#drop(directory, step.name, child.id)
        return 'ok'
      case 'read':
        if (child === undefined) return 'NOT_FOUND'
        return child.content === undefined ? 'IS_A_DIRECTORY' : `content ${child.content}`
      case 'stat':
        return child === undefined ? 'NOT_FOUND' : factsOf(child)
    }
  }

  #rename(from: TreeNode, step: RenameStep): string {
    const to = this.#resolve(step.to)
    const source = this.#child(from, step.name)
    if (to === undefined || source === undefined) return 'NOT_FOUND'
    if (source.content === undefined && this.#isWithin(to.id, source.id)) return 'INVALID_ARGUMENT'
    const target = this.#child(to, step.toName)
    if (target?.id === source.id) return 'ok'
    if (target !== undefined) {
      if (target.content === undefined && source.content !== undefined) return 'IS_A_DIRECTORY'
      if (target.children.size > 0) return 'NOT_EMPTY'
      if (target.content !== undefined && source.content === undefined) return 'NOT_A_DIRECTORY'
      this.#drop(to, step.toName, target.id)
    }
    this.#setChild(from.id, step.name, undefined)
    this.#setChild(to.id, step.toName, source.id)
    return 'ok'
  }

  #list(directory: TreeNode): string {
    const names = [...directory.children.keys()].sort()
    return names.map(name => `${name} ${factsOf(this.#child(directory, name) as TreeNode)}`).join(', ')
  }

  #summary(directory: TreeNode): string {
    let [files, directories, bytes] = [0, 0, 0]
    const todo = [directory]
    for (let node = todo.pop(); node !== undefined; node = todo.pop()) {
      if (node.content === undefined) directories += 1
      else files += 1
      bytes += node.content?.length ?? 0
      for (const name of node.children.keys()) todo.push(this.#child(node, name) as TreeNode)
    }
    return `${files} files, ${directories} directories, ${bytes} bytes`
  }

  #isWithin(id: number, ancestor: number): boolean {
    if (id === ancestor) return true
    const above = this.#nodes.get(ancestor)?.children.values() ?? []
    return [...above].some(child => this.#isWithin(id, child))
  }

  #add(directory: TreeNode, name: string, id: number, content: string | undefined): string {
    this.#nodes.set(id, { id, content, children: new Map() })
    this.#setChild(directory.id, name, id)
    return 'ok'
  }

  #drop(directory: TreeNode, name: string, id: number): void {
    this.#setChild(directory.id, name, undefined)
    this.#nodes.delete(id)
  }

  #setChild(directoryId: number, name: string, id: number | undefined): void {
    const directory = this.#nodes.get(directoryId) as TreeNode
    const children = new Map(directory.children)
    if (id === undefined) children.delete(name)
    else children.set(name, id)
    this.#nodes.set(directoryId, { ...directory, children })
  }

  #child(directory: TreeNode, name: string): TreeNode | undefined {
    const id = this.#nodes.get(directory.id)?.children.get(name)
    return id === undefined ? undefined : this.#nodes.get(id)
  }

  #resolve(path: string): TreeNode | undefined {
    if (path.startsWith(INODES)) return this.#nodes.get(Number(path.slice(INODES.length)))
    let node = this.#nodes.get(ROOT)
    for (const name of path.split('/').filter(part => part !== '')) {
      node = node === undefined ? undefined : this.#child(node, name)
    }
    return node
  }
}

function factsOf({ content }: TreeNode): string {
  return content === undefined ? 'directory' : `file of ${content.length}`
}
