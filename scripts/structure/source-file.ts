/**
 * One TypeScript source as the structure test sees it: its lines, syntax tree, comments and imports.
 * It never resolves an import to a file on disk; names are worked out from text alone.
 */
import { posix } from 'node:path'
import { parseSync, visitorKeys } from 'oxc-parser'

export interface Violation {
  /** Path from the repository root, with forward slashes. */
  path: string
  /** Line, counted from 1. */
  line: number
  rule: string
  /** What to do about it. */
  message: string
}

/** A node of the syntax tree (ESTree with TypeScript nodes); offsets count UTF-16 units. */
export interface SyntaxNode {
  type: string
  start: number
  end: number
  [field: string]: unknown
}

export interface Import {
  specifier: string
  line: number
  /** `url` is a file named by `new URL('./x.ts', import.meta.url)`, as workers and programs are. */
  kind: 'value' | 'type' | 'url'
  /** What the specifier stands for: a file of this repository, a module of Node, or a package. */
  file?: string
  node?: string
  package?: string
}

export interface SourceFile {
  path: string
  /** First folder of the path: a workspace, or `scripts`. */
  workspace: string
  isTest: boolean
  lines: string[]
  program: SyntaxNode
  comments: Array<{ text: string; line: number }>
  imports: Import[]
  syntaxErrors: string[]
  lineOf(offset: number): number
}

/** The scope of our own packages in import specifiers. */
export const OWN_SCOPE = '@hopbine/'

export function parseSource(path: string, text: string): SourceFile {
  const result = parseSync(path, text, { sourceType: 'module' })
  const program = result.program as unknown as SyntaxNode
  const lineOf = lineFinder(text)
  return {
    path,
    workspace: path.slice(0, path.indexOf('/')),
    isTest: path.endsWith('.test.ts'),
    lines: text.replace(/\n$/, '').split('\n'),
    program,
    comments: result.comments.map(comment => ({ text: comment.value, line: lineOf(comment.start) })),
    imports: collectImports(path, program, lineOf),
    syntaxErrors: result.errors.map(error => error.message),
    lineOf,
  }
}

/** Calls `visit` for `node` and everything below it, parents before children. */
export function walk(node: SyntaxNode, visit: (node: SyntaxNode) => void): void {
  visit(node)
  for (const key of visitorKeys[node.type] ?? []) {
    const child = node[key]
    if (Array.isArray(child)) {
      for (const item of child) if (item !== null) walk(item as SyntaxNode, visit)
    } else if (child !== null && child !== undefined) {
      walk(child as SyntaxNode, visit)
    }
  }
}

/** The text of a string literal, or undefined for every other node. */
export function literalText(node: unknown): string | undefined {
  const literal = node as SyntaxNode | null | undefined
  if (literal?.type === 'TSLiteralType') return literalText(literal.literal)
  return literal?.type === 'Literal' && typeof literal.value === 'string' ? literal.value : undefined
}

/** The dotted name of an identifier or a chain of plain members, such as `Date.now`; otherwise undefined. */
export function dottedName(node: unknown): string | undefined {
  const part = node as SyntaxNode
  if (part.type === 'Identifier') return part.name as string
  if (part.type === 'MetaProperty') return `${dottedName(part.meta)}.${dottedName(part.property)}`
  if (part.type !== 'MemberExpression' || part.computed === true) return undefined
  const owner = dottedName(part.object)
  return owner === undefined ? undefined : `${owner}.${dottedName(part.property)}`
}

function lineFinder(text: string): (offset: number) => number {
  const starts = [0]
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) starts.push(at + 1)
  return offset => {
    let low = 0
    let high = starts.length - 1
    while (low < high) {
      const middle = (low + high + 1) >> 1
      if ((starts[middle] as number) <= offset) low = middle
      else high = middle - 1
    }
    return low + 1
  }
}

function collectImports(path: string, program: SyntaxNode, lineOf: (offset: number) => number): Import[] {
  const imports: Import[] = []
  walk(program, node => {
    const found = importOf(node)
    if (found === undefined) return
    const line = lineOf(node.start)
    imports.push({ ...found, line, ...meaningOf(path, found.specifier) })
  })
  return imports
}

function importOf(node: SyntaxNode): { specifier: string; kind: Import['kind'] } | undefined {
  const specifier = specifierOf(node)
  if (specifier !== undefined) return { specifier, kind: isTypeOnly(node) ? 'type' : 'value' }
  const [first, second] = (node.arguments ?? []) as SyntaxNode[]
  const named = literalText(first)
  if (named === undefined) return undefined
  const isUrl =
    node.type === 'NewExpression' &&
    dottedName(node.callee) === 'URL' &&
    second !== undefined &&
    dottedName(second) === 'import.meta.url'
  const isResolve = node.type === 'CallExpression' && dottedName(node.callee) === 'import.meta.resolve'
  return isUrl || isResolve ? { specifier: named, kind: 'url' } : undefined
}

function specifierOf(node: SyntaxNode): string | undefined {
  switch (node.type) {
    case 'ImportDeclaration':
    case 'ExportNamedDeclaration':
    case 'ExportAllDeclaration':
    case 'ImportExpression':
    case 'TSImportType':
      return literalText(node.source)
    case 'TSExternalModuleReference':
      return literalText(node.expression)
    default:
      return undefined
  }
}

function isTypeOnly(node: SyntaxNode): boolean {
  if (node.type === 'TSImportType' || node.importKind === 'type' || node.exportKind === 'type') return true
  const specifiers = (node.specifiers ?? []) as SyntaxNode[]
  return (
    specifiers.length > 0 &&
    specifiers.every(item => item.importKind === 'type' || item.exportKind === 'type')
  )
}

function meaningOf(path: string, specifier: string): Pick<Import, 'file' | 'node' | 'package'> {
  if (specifier.startsWith('.')) return { file: posix.join(posix.dirname(path), specifier) }
  if (specifier.startsWith('node:')) return { node: specifier }
  const parts = specifier.split('/')
  if (specifier.startsWith(OWN_SCOPE)) {
    return { file: posix.join(parts[1] ?? '', 'src', ...parts.slice(2)), package: `${parts[0]}/${parts[1]}` }
  }
  return { package: specifier.startsWith('@') ? `${parts[0]}/${parts[1]}` : (parts[0] as string) }
}
