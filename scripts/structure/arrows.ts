/**
 * The arrows: which workspace may import which, and which folder of the namenode may import which; the rules
 * in common see nothing but values. Tests are held to the arrows between workspaces; inside one they may
 * reach further, since they compose.
 */
import { type Import, OWN_SCOPE, type SourceFile, type Violation, walk } from './source-file.ts'
import { type Tree, WORKSPACE_ARROWS } from './tree.ts'

interface FolderRule {
  /** Path prefixes a file of the folder may import, besides the folder itself. */
  may: readonly string[]
  /** Exceptions to `may`. */
  never?: readonly string[]
  /** Pure folders import no package and no module of Node, and hold no asynchronous code. */
  pure?: boolean
}

const HOST = 'common/src/base/host'

const NAMENODE_FOLDERS: Readonly<Record<string, FolderRule>> = {
  raft: { may: ['common/src/base/'], pure: true },
  cluster: { may: ['namenode/src/raft/', 'common/src/'] },
  store: { may: ['common/src/'] },
  namespace: { may: ['namenode/src/store/', 'common/src/'], never: [HOST] },
  operations: { may: ['namenode/src/store/', 'namenode/src/namespace/', 'common/src/'], never: [HOST] },
  replica: {
    may: [
      'namenode/src/raft/',
      'namenode/src/store/',
      'namenode/src/log/',
      'namenode/src/operations/registry.ts',
      'namenode/src/operations/operation.ts',
      'namenode/src/operations/internal.ts',
      'common/src/',
    ],
  },
}

/** Shared decisions: pure, so that every process that decides gets the same answer. */
const RULES_FOLDER = 'common/src/rules/'
const RULES: FolderRule = {
  may: ['common/src/base/', 'common/src/protocol/'],
  never: [HOST],
  pure: true,
}

const SERVER = 'namenode/src/server/'

export function checkArrows(tree: Tree): Violation[] {
  return tree.files.flatMap(file => [
    ...file.imports.flatMap(item => checkWorkspaces(file, item)),
    ...(file.path.startsWith('namenode/src/') && !file.isTest ? checkFolders(file) : []),
    ...(file.path.startsWith(RULES_FOLDER) && !file.isTest
      ? checkRule('rules', RULES_FOLDER, RULES, file)
      : []),
  ])
}

function checkWorkspaces(file: SourceFile, item: Import): Violation[] {
  const violation = (message: string): Violation[] => [
    { path: file.path, line: item.line, rule: 'arrows', message },
  ]
  if (item.file === undefined) return []
  if (item.file.endsWith('.test.ts')) return violation('move what is shared out of the test file')
  const target = item.file.slice(0, item.file.indexOf('/'))
  if (item.specifier.startsWith('.')) {
    const leaves = target !== file.workspace && item.file.endsWith('.ts')
    return leaves ? violation(`import ${OWN_SCOPE}… by name instead of leaving ${file.workspace}/`) : []
  }
  const allowed = WORKSPACE_ARROWS[file.workspace] ?? []
  if (target === file.workspace) return violation('import files of the own workspace by a relative path')
  if (allowed.includes(target)) return []
  const list = allowed.length === 0 ? 'nothing of ours' : `only ${allowed.join(', ')}`
  return violation(`${file.workspace} may import ${list}; let cli or bench pass ${target} in`)
}

function checkFolders(file: SourceFile): Violation[] {
  const folder = file.path.split('/')[2] ?? ''
  const rule = Object.hasOwn(NAMENODE_FOLDERS, folder) ? NAMENODE_FOLDERS[folder] : undefined
  return checkRule(folder, `namenode/src/${folder}/`, rule, file)
}

function checkRule(folder: string, own: string, rule: FolderRule | undefined, file: SourceFile): Violation[] {
  const found = file.imports.flatMap(item => {
    const problem = rule === undefined ? checkServer(own, item) : checkFolder(folder, own, rule, item)
    return problem === undefined ? [] : [{ line: item.line, message: problem }]
  })
  if (rule?.pure === true) found.push(...findAsync(file, folder))
  return found.map(({ line, message }) => ({ path: file.path, line, rule: 'arrows', message }))
}

function checkServer(own: string, item: Import): string | undefined {
  const imports = item.file?.startsWith(SERVER) === true && own !== SERVER
  return imports ? 'server/ stands on top: nothing inside namenode may import it' : undefined
}

function checkFolder(folder: string, own: string, rule: FolderRule, item: Import): string | undefined {
  const { file } = item
  if (file === undefined) {
    return rule.pure === true ? `${folder}/ is pure: it may not import ${item.specifier}` : undefined
  }
  if (rule.never?.some(prefix => file.startsWith(prefix)) === true) {
    return `${folder}/ may not see ${item.specifier}; take what it needs as a value`
  }
  if ([own, ...rule.may].some(prefix => file.startsWith(prefix))) return undefined
  return `${folder}/ may import only ${rule.may.join(', ')}`
}

function findAsync(file: SourceFile, folder: string): Array<{ line: number; message: string }> {
  const found: Array<{ line: number; message: string }> = []
  walk(file.program, node => {
    const isAsync = node.async === true || node.type === 'AwaitExpression' || node.await === true
    if (isAsync) {
      found.push({ line: file.lineOf(node.start), message: `${folder}/ is pure: make this synchronous` })
    }
  })
  return found
}
