/**
 * Packages: every import is declared where it is used, every version is exact, and every package stands in
 * the dependency table of CONTRIBUTING.md with a reason, which in turn names no package that is gone.
 */
import { OWN_SCOPE, type SourceFile, type Violation } from './source-file.ts'
import { firstCells } from './table.ts'
import type { PackageFile, Tree } from './tree.ts'

const GUIDE = 'CONTRIBUTING.md'
const GUIDE_SECTION = '## Dependencies'
const EXACT_VERSION = /^(npm:.+@)?\d+\.\d+\.\d+(-[\w.]+)?$/

export function checkPackages(tree: Tree): Violation[] {
  return [
    ...tree.files.flatMap(file => checkDeclared(tree, file)),
    ...tree.packages.flatMap(checkExact),
    ...checkGuide(tree),
  ]
}

function checkDeclared(tree: Tree, file: SourceFile): Violation[] {
  const declared = declaredFor(tree, file)
  return file.imports.flatMap(item => {
    const isOwnInScripts = file.workspace === 'scripts' && item.package?.startsWith(OWN_SCOPE) === true
    if (item.package === undefined || declared.has(item.package) || isOwnInScripts) return []
    const message = `add ${item.package} to the dependencies of ${file.workspace}/package.json`
    return [{ path: file.path, line: item.line, rule: 'undeclared', message }]
  })
}

/** Scripts and tests may also use what the root declares for development. */
function declaredFor(tree: Tree, file: SourceFile): Set<string> {
  const own = tree.packages.find(item => item.workspace === file.workspace)
  const root = tree.packages.find(item => item.workspace === '')
  const names = [...(own?.dependencies.keys() ?? []), ...(own?.devDependencies.keys() ?? [])]
  if (file.isTest || file.workspace === 'scripts') {
    names.push(...(root?.dependencies.keys() ?? []), ...(root?.devDependencies.keys() ?? []))
  }
  return new Set(names)
}

function checkExact(item: PackageFile): Violation[] {
  return [...item.dependencies, ...item.devDependencies].flatMap(([name, version]) => {
    if (EXACT_VERSION.test(version)) return []
    const message = `pin ${name} to one exact version instead of ${version}`
    return [{ path: item.path, line: lineOfName(item, name), rule: 'versions', message }]
  })
}

function checkGuide(tree: Tree): Violation[] {
  const guide = tree.read(GUIDE)
  if (guide === undefined) return []
  const rows = firstCells(guide, GUIDE_SECTION)
  const seen = new Set<string>()
  const missing = tree.packages.flatMap(item =>
    [...item.dependencies.keys(), ...item.devDependencies.keys()].flatMap(name => {
      if (name.startsWith(OWN_SCOPE) || seen.has(name)) return []
      seen.add(name)
      if (rows.has(name)) return []
      const message = `add a row for \`${name}\` to the table "${GUIDE_SECTION}" of ${GUIDE}`
      return [{ path: item.path, line: lineOfName(item, name), rule: 'dependency-table', message }]
    }),
  )
  const stale = [...rows].flatMap(([name, line]) => {
    if (seen.has(name)) return []
    return [{ path: GUIDE, line, rule: 'dependency-table', message: `no package.json names \`${name}\`` }]
  })
  return [...missing, ...stale]
}

function lineOfName(item: PackageFile, name: string): number {
  const before = item.text.slice(0, Math.max(0, item.text.indexOf(`"${name}":`)))
  return before.split('\n').length
}
