/**
 * Dead files: sources that nothing starts and nothing imports. Entries are main.ts, the public door
 * src/index.ts, tests, and files named in a package.json or a launcher. A test that imports a file keeps it
 * alive.
 */
import type { Violation } from './source-file.ts'
import type { Tree } from './tree.ts'

export function checkDeadFiles(tree: Tree): Violation[] {
  const imported = new Set(
    tree.files.flatMap(file => file.imports.flatMap(item => (item.file === file.path ? [] : [item.file]))),
  )
  return tree.files
    .filter(file => !file.isTest && !imported.has(file.path) && !isEntry(tree, file.path))
    .map(file => ({
      path: file.path,
      line: 1,
      rule: 'dead-file',
      message: 'nothing imports it: use it or delete it',
    }))
}

function isEntry(tree: Tree, path: string): boolean {
  if (path.endsWith('/main.ts') || /^[^/]+\/src\/index\.ts$/.test(path)) return true
  if (tree.launchers.some(({ text }) => text.includes(`/${path}`))) return true
  return tree.packages.some(({ workspace, text }) => {
    const isInside = workspace === '' || path.startsWith(`${workspace}/`)
    return isInside && text.includes(workspace === '' ? path : path.slice(workspace.length + 1))
  })
}
