/**
 * What may not be written: sources of time, chance and settings in the deterministic folders, `any`, catch
 * blocks that swallow, and notes about work left over. Tests may use clocks and `any`.
 */
import { dottedName, type SourceFile, type SyntaxNode, type Violation, walk } from './source-file.ts'
import type { Tree } from './tree.ts'

const DETERMINISTIC = /^(namenode\/src\/(raft|namespace|operations|store)|common\/src\/rules)\//

const BANNED_NAMES = new Set([
  'Date.now',
  'Math.random',
  'performance.now',
  'process.env',
  'process.hrtime',
  'crypto.randomUUID',
  'crypto.randomBytes',
  'randomUUID',
  'randomBytes',
  'setTimeout',
  'setInterval',
  'setImmediate',
])

const LEFT_OVER = /\b(TODO|FIXME|XXX)\b/

export function checkBans(tree: Tree): Violation[] {
  return tree.files.flatMap(file => [...checkComments(file), ...checkNodes(file)])
}

function checkComments(file: SourceFile): Violation[] {
  return file.comments.flatMap(comment => {
    const found = LEFT_OVER.exec(comment.text)
    if (found === null) return []
    const line = comment.line + comment.text.slice(0, found.index).split('\n').length - 1
    return [{ path: file.path, line, rule: 'left-over', message: `do it or delete the ${found[0]}` }]
  })
}

function checkNodes(file: SourceFile): Violation[] {
  const found: Violation[] = []
  const deterministic = DETERMINISTIC.test(file.path) && !file.isTest
  walk(file.program, node => {
    const problem =
      anyProblem(file, node) ?? catchProblem(node) ?? (deterministic ? worldProblem(node) : undefined)
    if (problem !== undefined) found.push({ path: file.path, line: file.lineOf(node.start), ...problem })
  })
  return found
}

type Problem = Pick<Violation, 'rule' | 'message'>

function anyProblem(file: SourceFile, node: SyntaxNode): Problem | undefined {
  if (node.type !== 'TSAnyKeyword' || file.isTest) return undefined
  return { rule: 'any', message: 'give the type, or `unknown` and a check' }
}

function catchProblem(node: SyntaxNode): Problem | undefined {
  if (node.type !== 'CatchClause') return undefined
  const statements = (node.body as SyntaxNode).body as SyntaxNode[]
  if (statements.length > 0) return undefined
  return { rule: 'empty-catch', message: 'handle the error, count it or let it through' }
}

function worldProblem(node: SyntaxNode): Problem | undefined {
  const name = worldName(node)
  if (name === undefined) return undefined
  return { rule: 'determinism', message: `${name}: let prepare or the host hand the value in` }
}

function worldName(node: SyntaxNode): string | undefined {
  if (node.type === 'NewExpression') {
    const isNow = dottedName(node.callee) === 'Date' && (node.arguments as unknown[]).length === 0
    return isNow ? 'new Date()' : undefined
  }
  const named =
    node.type === 'MemberExpression' ? node : node.type === 'CallExpression' ? plainCallee(node) : undefined
  const name = named === undefined ? undefined : dottedName(named)?.replace(/^globalThis\./, '')
  return name !== undefined && BANNED_NAMES.has(name) ? name : undefined
}

/** The callee where it is a plain name; members are met on their own when the walk reaches them. */
function plainCallee(node: SyntaxNode): SyntaxNode | undefined {
  const callee = node.callee as SyntaxNode
  return callee.type === 'Identifier' ? callee : undefined
}
