/**
 * Size limits, measured on the text as it stands: lines of a file, lines of a function, columns of a line.
 * There is no list of exceptions.
 */
import type { SourceFile, SyntaxNode, Violation } from './source-file.ts'
import { walk } from './source-file.ts'
import type { Tree } from './tree.ts'

const FILE_LINES_MAX = 400
const TEST_FILE_LINES_MAX = 600
const FUNCTION_LINES_MAX = 70
const COLUMNS_MAX = 110

const FUNCTIONS = new Set(['FunctionDeclaration', 'FunctionExpression', 'ArrowFunctionExpression'])

export function checkSizes(tree: Tree): Violation[] {
  return tree.files.flatMap(file => [...checkFile(file), ...checkColumns(file), ...checkFunctions(file)])
}

function checkFile(file: SourceFile): Violation[] {
  const max = file.isTest ? TEST_FILE_LINES_MAX : FILE_LINES_MAX
  if (file.lines.length <= max) return []
  const message = `${file.lines.length} lines, at most ${max}: split the file by what it is about`
  return [{ path: file.path, line: max + 1, rule: 'file-size', message }]
}

function checkColumns(file: SourceFile): Violation[] {
  return file.lines.flatMap((line, index) => {
    const columns = line.length <= COLUMNS_MAX ? line.length : [...line].length
    if (columns <= COLUMNS_MAX) return []
    const message = `${columns} columns, at most ${COLUMNS_MAX}: break the line`
    return [{ path: file.path, line: index + 1, rule: 'line-width', message }]
  })
}

function checkFunctions(file: SourceFile): Violation[] {
  const found: Violation[] = []
  walk(file.program, (node: SyntaxNode) => {
    if (!FUNCTIONS.has(node.type)) return
    const line = file.lineOf(node.start)
    const lines = file.lineOf(node.end) - line + 1
    if (lines <= FUNCTION_LINES_MAX) return
    const message = `${lines} lines, at most ${FUNCTION_LINES_MAX}: take a named step out of it`
    found.push({ path: file.path, line, rule: 'function-size', message })
  })
  return found
}
