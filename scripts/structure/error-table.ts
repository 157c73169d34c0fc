/**
 * The error codes in common/src/base/errors.ts and the rows of docs/errors.md are the same set.
 * It reads the keys of the exported const `ERRORS` from the syntax tree and never loads the module.
 */
import { type SourceFile, type SyntaxNode, type Violation, walk } from './source-file.ts'
import { firstCells } from './table.ts'
import type { Tree } from './tree.ts'

const SOURCE = 'common/src/base/errors.ts'
const PAGE = 'docs/errors.md'

export function checkErrorTable(tree: Tree): Violation[] {
  const source = tree.files.find(file => file.path === SOURCE)
  if (source === undefined) return []
  const codes = errorCodes(source)
  const violation = (path: string, line: number, message: string): Violation[] => [
    { path, line, rule: 'error-table', message },
  ]
  if (codes === undefined) return violation(SOURCE, 1, 'export the table of codes as the const ERRORS')
  const page = tree.read(PAGE)
  if (page === undefined) return violation(SOURCE, 1, `describe the codes in a table in ${PAGE}`)
  const rows = firstCells(page)
  const missing = [...codes].filter(([code]) => !rows.has(code))
  const stale = [...rows].filter(([code]) => !codes.has(code))
  return [
    ...missing.flatMap(([code, line]) => violation(SOURCE, line, `add a row for \`${code}\` to ${PAGE}`)),
    ...stale.flatMap(([code, line]) => violation(PAGE, line, `no code \`${code}\` in ${SOURCE}`)),
  ]
}

function errorCodes(source: SourceFile): Map<string, number> | undefined {
  const table = findTable(source.program)
  if (table === undefined) return undefined
  const codes = new Map<string, number>()
  for (const property of table.properties as SyntaxNode[]) {
    const key = property.key as SyntaxNode | undefined
    const name = key?.name ?? key?.value
    if (typeof name === 'string') codes.set(name, source.lineOf(property.start))
  }
  return codes
}

/** The object literal that `ERRORS` is set to, inside any `as const`, `satisfies` or call around it. */
function findTable(program: SyntaxNode): SyntaxNode | undefined {
  let table: SyntaxNode | undefined
  walk(program, node => {
    if (node.type !== 'VariableDeclarator' || (node.id as SyntaxNode).name !== 'ERRORS') return
    const init = node.init as SyntaxNode | null
    if (init === null) return
    walk(init, inner => {
      if (inner.type === 'ObjectExpression') table ??= inner
    })
  })
  return table
}
