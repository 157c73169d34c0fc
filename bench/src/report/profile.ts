/**
 * Reads a CPU profile of V8 and says where the time went: by part of Hopbine and by function. Time of samples
 * only; what threads outside JavaScript use does not show.
 */

interface ProfileNode {
  readonly id: number
  readonly callFrame: { readonly functionName: string; readonly url: string; readonly lineNumber: number }
  readonly children?: readonly number[]
}

export interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly samples: readonly number[]
  /** Microseconds between samples. */
  readonly timeDeltas: readonly number[]
}

interface ProfileShare {
  readonly what: string
  readonly micros: number
}

interface ProfileSummary {
  /** Without waiting for work. */
  readonly busyMicros: number
  readonly parts: readonly ProfileShare[]
  readonly functions: readonly ProfileShare[]
}

const IDLE = new Set(['(idle)', '(program)', '(root)'])

function summarize(profile: CpuProfile): ProfileSummary {
  const micros = new Map<number, number>()
  profile.samples.forEach((id, at) => {
    micros.set(id, (micros.get(id) ?? 0) + (profile.timeDeltas[at] ?? 0))
  })
  const parts = new Map<string, number>()
  const functions = new Map<string, number>()
  let busyMicros = 0
  for (const { node, part, caller } of withParts(profile.nodes)) {
    const own = micros.get(node.id) ?? 0
    if (own === 0 || IDLE.has(node.callFrame.functionName)) continue
    busyMicros += own
    parts.set(part, (parts.get(part) ?? 0) + own)
    const name = functionOf(node, caller)
    functions.set(name, (functions.get(name) ?? 0) + own)
  }
  return { busyMicros, parts: sorted(parts), functions: sorted(functions) }
}

interface PlacedNode {
  readonly node: ProfileNode
  readonly part: string
  readonly caller: ProfileNode
}

/** Time in modules of Node, in packages and in native code counts for the part of ours that called them. */
function withParts(nodes: readonly ProfileNode[]): PlacedNode[] {
  const byId = new Map(nodes.map(node => [node.id, node]))
  const result: PlacedNode[] = []
  const root = nodes[0]
  const open: PlacedNode[] = root === undefined ? [] : [{ node: root, part: 'node', caller: root }]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const own = partOf(at.node)
    const part = own ?? at.part
    result.push({ ...at, part })
    for (const id of at.node.children ?? []) {
      const child = byId.get(id)
      if (child !== undefined) open.push({ node: child, part, caller: at.node })
    }
  }
  return result
}

/** `namenode/store`, `common/rpc` …; undefined for what is not ours. */
function partOf({ callFrame }: ProfileNode): string | undefined {
  if (callFrame.functionName === '(garbage collector)') return 'garbage collection'
  if (callFrame.url.includes('/node_modules/better-sqlite3/')) return 'sqlite'
  return /\/(\w+)\/src\/(\w+)\//.exec(callFrame.url)?.slice(1).join('/')
}

/** Native functions have no place of their own; they are told apart by who calls them. */
function functionOf({ callFrame }: ProfileNode, caller: ProfileNode): string {
  const { functionName, url, lineNumber } = callFrame
  if (url === '' && caller.callFrame.url !== '') {
    return `${functionName || 'native'} < ${functionOf(caller, caller)}`
  }
  const where = url === '' ? '' : ` ${url.split('/').slice(-2).join('/')}:${lineNumber + 1}`
  return `${functionName || '(anonymous)'}${where}`
}

function sorted(shares: ReadonlyMap<string, number>): ProfileShare[] {
  return [...shares]
    .map(([what, micros]) => ({ what, micros }))
    .sort((left, right) => right.micros - left.micros)
}

const FUNCTIONS_SHOWN = 40

/** Lines of text, with microseconds for each of so many operations. */
export function profileLines(title: string, profile: CpuProfile, operations: number): string[] {
  const summary = summarize(profile)
  const line = ({ what, micros }: ProfileShare): string => {
    const each = operations === 0 ? '' : `${(micros / operations).toFixed(2).padStart(8)} us/op`
    return `${((micros * 100) / summary.busyMicros).toFixed(1).padStart(6)} %${each}  ${what}`
  }
  return [
    `${title}: busy ${(summary.busyMicros / 1e6).toFixed(2)} s`,
    ...summary.parts.map(line),
    '',
    ...summary.functions.slice(0, FUNCTIONS_SHOWN).map(line),
  ]
}
