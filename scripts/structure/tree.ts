/**
 * The repository as the structure test reads it: every TypeScript source of the workspaces and of scripts/,
 * and the package files. It never follows links, so installed packages are not part of it.
 */
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseSource, type SourceFile } from './source-file.ts'

export interface PackageFile {
  /** Path from the repository root. */
  path: string
  /** Folder of the workspace, or `''` for the root. */
  workspace: string
  text: string
  dependencies: Map<string, string>
  devDependencies: Map<string, string>
}

export interface Tree {
  files: SourceFile[]
  packages: PackageFile[]
  /** Shell launchers: what they name is in use. */
  launchers: Array<{ path: string; text: string }>
  /** The text of a file under the root, or undefined where there is none. */
  read(path: string): string | undefined
}

/** The workspaces, each with those it may import; `scripts` follows the same rule. */
export const WORKSPACE_ARROWS: Readonly<Record<string, readonly string[]>> = {
  common: [],
  namenode: ['common'],
  datanode: ['common'],
  client: ['common'],
  platform: ['client', 'common'],
  cli: ['bench', 'client', 'common', 'datanode', 'namenode', 'platform'],
  bench: ['cli', 'client', 'common', 'datanode', 'namenode', 'platform'],
  scripts: ['common'],
}

const SKIPPED_FOLDERS = new Set(['node_modules', 'dist', 'coverage', 'testdata'])

export function readTree(root: string): Tree {
  const read = (path: string): string | undefined =>
    existsSync(join(root, path)) ? readFileSync(join(root, path), 'utf8') : undefined
  const names = Object.keys(WORKSPACE_ARROWS)
  const paths = names.flatMap(name => listFiles(root, name))
  const sources = paths.filter(path => path.endsWith('.ts') && !path.endsWith('.d.ts'))
  const launcherPaths = [...listFiles(root, '.ci'), ...listFiles(root, 'scripts')].filter(isLauncher)
  return {
    files: sources.map(path => parseSource(path, read(path) ?? '')),
    packages: ['', ...names].flatMap(name => readPackage(name, read)),
    launchers: launcherPaths.map(path => ({ path, text: read(path) ?? '' })),
    read,
  }
}

/** Paths of the files below `folder`, from the root and with forward slashes, in a fixed order. */
export function listFiles(root: string, folder: string): string[] {
  if (!existsSync(join(root, folder))) return []
  const entries = readdirSync(join(root, folder), { withFileTypes: true })
  entries.sort((left, right) => (left.name < right.name ? -1 : 1))
  return entries.flatMap(entry => {
    const path = `${folder}/${entry.name}`
    if (entry.isDirectory()) return SKIPPED_FOLDERS.has(entry.name) ? [] : listFiles(root, path)
    return entry.isFile() ? [path] : []
  })
}

function isLauncher(path: string): boolean {
  return !path.slice(path.lastIndexOf('/')).includes('.')
}

function readPackage(workspace: string, read: Tree['read']): PackageFile[] {
  const path = workspace === '' ? 'package.json' : `${workspace}/package.json`
  const text = read(path)
  if (text === undefined) return []
  const content = JSON.parse(text) as Record<string, Record<string, string> | undefined>
  const table = (field: string): Map<string, string> => new Map(Object.entries(content[field] ?? {}))
  return [
    {
      path,
      workspace,
      text,
      dependencies: new Map([...table('dependencies'), ...table('optionalDependencies')]),
      devDependencies: table('devDependencies'),
    },
  ]
}
