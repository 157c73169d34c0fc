/**
 * All rules of the structure test over one repository tree. The list below is the whole of it: a new rule is
 * one file and one line here. It never prints.
 */
import { checkArrows } from './arrows.ts'
import { checkBans } from './bans.ts'
import { checkDeadFiles } from './dead-files.ts'
import { checkErrorTable } from './error-table.ts'
import { checkNames } from './names.ts'
import { checkPackages } from './packages.ts'
import { checkSizes } from './sizes.ts'
import type { Violation } from './source-file.ts'
import { readTree, type Tree } from './tree.ts'

const RULES: ReadonlyArray<(tree: Tree) => Violation[]> = [
  checkSyntax,
  checkArrows,
  checkSizes,
  checkNames,
  checkBans,
  checkDeadFiles,
  checkPackages,
  checkErrorTable,
]

/** Every violation under `root`, ordered by path and line. Folders that do not exist yet are no violation. */
export function checkStructure(root: string): Violation[] {
  const tree = readTree(root)
  return RULES.flatMap(rule => rule(tree)).sort(
    (left, right) => compareText(left.path, right.path) || left.line - right.line,
  )
}

function checkSyntax(tree: Tree): Violation[] {
  return tree.files.flatMap(file =>
    file.syntaxErrors.map(message => ({ path: file.path, line: 1, rule: 'syntax', message })),
  )
}

function compareText(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0
}
