/**
 * Dead files: sources that nothing starts and nothing imports. Entries are main.ts, the public door src/index.ts,
 * tests, and files named in a package.json or a launcher. A test that imports a file keeps it alive.
 */
import { posix } from 'node:path'
import type { Violation } from './source-file.ts'
import type { Tree } from './tree.ts'

export function checkDeadFiles(tree: Tree): Violation[] {
  const used = new Set<string>(namedFiles(tree))
  for (const file of tree.files) {
    for (const item of file.imports) {
      if (item.file !== undefined && item.file !== file.path) used.add(item.file)
    }
  }
  return tree.files
    .filter(file => !file.isTest && !isEntry(file.path) && !used.has(file.path))
    .map(file => ({
      path: file.path,
      line: 1,
      rule: 'dead-file',
      message: 'nothing imports it: use it or delete it',
    }))
}

function isEntry(path: string): boolean {
  return path.endsWith('/main.ts') || /^[^/]+\/src\/index\.ts$/.test(path)
}

function namedFiles(tree: Tree): string[] {
  const mentions = [
    ...tree.packages.map(({ workspace, text }) => ({ folder: workspace, text })),
    ...tree.launchers.map(({ text }) => ({ folder: '', text })),
  ]
  return mentions.flatMap(({ folder, text }) =>
    [...text.matchAll(/[\w./-]+\.ts\b/g)].map(([path]) => posix.join(folder, path.replace(/^\//, ''))),
  )
}
