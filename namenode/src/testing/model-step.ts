/**
 * One step of a random run against the model: every field is drawn, each kind uses those it needs. Test only.
 */
import type { ModelNode } from './model-tree.ts'

export const STEP_KINDS = [
  'mkdir',
  'mkdirs',
  'create',
  'createOpen',
  'append',
  'addBlock',
  'commit',
  'complete',
  'completeInline',
  'abandon',
  'truncate',
  'setReplication',
  'remove',
  'removeTree',
  'symlink',
  'rename',
  'replace',
  'exchange',
  'chmod',
  'chown',
  'utimes',
  'setQuota',
  'read',
  'repeat',
  'silence',
  'closeClient',
  'reclaim',
  'restart',
  'checkpoint',
  'compare',
] as const

/** Picks a path when the step is run: mostly something that is there, or a name beside it. */
export interface PathChoice {
  /** `right`: what the step is about; `child`: a name in a directory or behind a link; `any`: as it says. */
  readonly way: 'right' | 'child' | 'any'
  readonly pick: number
  readonly name: string
}

export interface ModelStep {
  readonly what: (typeof STEP_KINDS)[number]
  /** Index into `CLIENTS`. */
  readonly client: number
  readonly path: PathChoice
  readonly other: PathChoice
  /** 0 … 999. */
  readonly n: number
  readonly m: number
  readonly flag: boolean
}

type Want = 'new' | 'file' | 'directory' | 'node'

/** What kind of thing each step is about, where it is not just any node. */
const WANTS: Partial<Record<ModelStep['what'], Want>> = {
  mkdir: 'new',
  mkdirs: 'new',
  create: 'new',
  createOpen: 'new',
  symlink: 'new',
  append: 'file',
  truncate: 'file',
  setReplication: 'file',
  setQuota: 'directory',
}

export function pathOf(
  root: ModelNode,
  what: ModelStep['what'],
  choice: PathChoice,
  isOther: boolean,
): string {
  const nodes = [...root.all()]
  const { way, pick, name } = choice
  if (way === 'any') return `/${name}/${'abc'[pick % 3]}`
  const want = isOther ? (what === 'rename' ? 'new' : 'node') : (WANTS[what] ?? 'node')
  if (way === 'child' || want === 'new') {
    const holders = nodes.filter(node => node.isDirectory || node.target !== '')
    const { path } = holders[pick % holders.length] as ModelNode
    return path === '/' ? `/${name}` : `${path}/${name}`
  }
  const right = nodes.filter(node => want === 'node' || node.isDirectory === (want === 'directory'))
  return (right[pick % right.length] ?? root).path
}

export function textOf({ what, client, n, m, flag }: ModelStep, path: string, other: string): string {
  return `${what} by ${client}: ${path} ${other} ${n} ${m} ${flag}`
}
