/**
 * File and folder names: kebab-case, named for one thing, none of the words that name nothing; and no
 * barrels, files that only pass on the exports of others (src/index.ts, the public door of a workspace, may
 * list names).
 */
import type { SourceFile, SyntaxNode, Violation } from './source-file.ts'
import type { Tree } from './tree.ts'

const BANNED_WORDS = new Set(['util', 'utils', 'helper', 'helpers', 'manager', 'impl', 'misc'])
const KEBAB_CASE = /^[a-z0-9]+(-[a-z0-9]+)*(\.test)?\.ts$/

export function checkNames(tree: Tree): Violation[] {
  return tree.files.flatMap(file => {
    const messages = [...nameProblems(file), ...barrelProblems(file)]
    return messages.map(message => ({ path: file.path, line: 1, rule: 'names', message }))
  })
}

function nameProblems(file: SourceFile): string[] {
  const problems: string[] = []
  const base = file.path.slice(file.path.lastIndexOf('/') + 1)
  if (!KEBAB_CASE.test(base)) problems.push('name the file in kebab-case')
  const words = file.path.replace(/(\.test)?\.ts$/, '').split(/[/.-]/)
  const banned = words.find(word => BANNED_WORDS.has(word.toLowerCase()))
  if (banned !== undefined) problems.push(`"${banned}" names nothing: name the thing it holds`)
  return problems
}

function barrelProblems(file: SourceFile): string[] {
  const statements = file.program.body as SyntaxNode[]
  if (statements.some(statement => statement.type === 'ExportAllDeclaration')) {
    return ['list the exported names instead of `export *`']
  }
  if (/^[^/]+\/src\/index\.ts$/.test(file.path) || statements.length === 0) return []
  const isBarrel = statements.every(
    statement => statement.type === 'ExportNamedDeclaration' && statement.source !== null,
  )
  return isBarrel ? ['a file that only passes on exports: import from where the thing is'] : []
}
