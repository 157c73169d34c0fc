/**
 * Finds the test files and reads what they say about themselves in comments within their first ten lines:
 * `// test-timeout-seconds: N` and `// test-alone`. It never loads them.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { listFiles, WORKSPACE_ARROWS } from '../structure/tree.ts'

export interface TestFile {
  /** Path from the repository root. */
  path: string
  timeoutSeconds: number
  /** Runs after all others and with nothing beside it, for tests that measure time. */
  alone: boolean
}

const TIMEOUT_SECONDS = 300
const HEAD_LINES = 10

/** All test files, those that declare long times first, so that they do not end the run on their own. */
export function findTestFiles(root: string): TestFile[] {
  const paths = Object.keys(WORKSPACE_ARROWS).flatMap(folder => listFiles(root, folder))
  const files = paths.filter(path => path.endsWith('.test.ts')).map(path => readHead(root, path))
  return files.sort((left, right) => right.timeoutSeconds - left.timeoutSeconds)
}

function readHead(root: string, path: string): TestFile {
  const head = readFileSync(join(root, path), 'utf8').split('\n', HEAD_LINES).join('\n')
  const declared = /^\/\/ test-timeout-seconds: (\d+)\b/m.exec(head)?.[1]
  return {
    path,
    timeoutSeconds: declared === undefined ? TIMEOUT_SECONDS : Number(declared),
    alone: /^\/\/ test-alone\b/m.test(head),
  }
}
