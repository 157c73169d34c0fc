import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import t from 'tap'
import { checkStructure } from './structure/check.ts'

type Files = Record<string, string>

/** A tree without a violation; each test plants one thing in it. */
const SOUND: Files = {
  'package.json': JSON.stringify({ name: 'root', devDependencies: { tap: '1.0.0' } }),
  'common/package.json': JSON.stringify({ dependencies: { pino: '10.4.0' } }),
  'namenode/package.json': JSON.stringify({ dependencies: { '@hopbine/common': '0.1.0' } }),
  'platform/package.json': JSON.stringify({
    dependencies: { '@hopbine/common': '0.1.0', '@hopbine/namenode': '0.1.0' },
  }),
  'CONTRIBUTING.md':
    '# Guide\n\n## Dependencies\n\n| Name | Why |\n| --- | --- |\n| `pino` | logs |\n| `tap` | tests |\n',
  'docs/errors.md': '| Code | Meaning |\n| --- | --- |\n| `NOT_FOUND` | gone |\n',
  'common/src/base/errors.ts':
    "export const ERRORS = Object.freeze({ NOT_FOUND: { errno: 'ENOENT' } } as const)\n",
  'common/src/base/host.ts': "import pino from 'pino'\nexport const host = pino()\n",
  'namenode/src/main.ts': [
    "import { ERRORS } from '@hopbine/common/base/errors.ts'",
    "import { host } from '@hopbine/common/base/host.ts'",
    'console.log(ERRORS, host)',
    '',
  ].join('\n'),
}

/** Violations of the sound tree with `files` put into it, as `path:line: rule`. */
function violationsWith(test: Pick<typeof t, 'testdir'>, files: Files): string[] {
  const root = test.testdir()
  for (const [path, text] of Object.entries({ ...SOUND, ...files })) {
    mkdirSync(dirname(join(root, path)), { recursive: true })
    writeFileSync(join(root, path), text)
  }
  return checkStructure(root).map(({ path, line, rule }) => `${path}:${line}: ${rule}`)
}

/** A test that nothing but the import is wrong with `path` importing `specifier`. */
function importing(path: string, specifier: string): Files {
  return { [path]: `import { x } from '${specifier}'\nconsole.log(x)\n`, ...useOf(path) }
}

/** A file outside the restricted folders that keeps `path` from being dead. */
function useOf(path: string): Files {
  const [workspace, ...rest] = path.split('/')
  const relative = rest.slice(1).join('/')
  return { [`${workspace}/src/keep.test.ts`]: `import t from 'tap'\nt.ok(import('./${relative}'))\n` }
}

t.test('finds nothing in a sound tree, nor in an empty one', async t => {
  t.same(violationsWith(t, {}), [])
  t.same(checkStructure(t.testdir()), [])
})

t.test('reports each import that goes against an arrow', async t => {
  const cases: Array<[path: string, specifier: string]> = [
    ['common/src/base/a.ts', '@hopbine/namenode/main.ts'],
    ['platform/src/a.ts', '@hopbine/namenode/main.ts'],
    ['namenode/src/raft/a.ts', 'node:fs'],
    ['namenode/src/raft/a.ts', '@hopbine/common/wire/frame.ts'],
    ['namenode/src/store/a.ts', '../raft/b.ts'],
    ['namenode/src/namespace/a.ts', '../server/b.ts'],
    ['namenode/src/operations/a.ts', '../replica/b.ts'],
    ['namenode/src/operations/a.ts', '@hopbine/common/base/host.ts'],
    ['namenode/src/replica/a.ts', '../operations/rename.ts'],
    ['common/src/rules/a.ts', '@hopbine/namenode/main.ts'],
    ['common/src/rules/a.ts', '../base/host.ts'],
    ['common/src/rules/a.ts', '../rpc/client.ts'],
    ['common/src/rules/a.ts', 'node:fs'],
    ['namenode/src/shards/a.ts', '../server/b.ts'],
    ['namenode/src/shards/a.ts', '../../../common/src/base/errors.ts'],
    ['namenode/src/shards/a.ts', '@hopbine/common/base/errors.test.ts'],
    ['namenode/src/shards/a.ts', '@hopbine/namenode/main.ts'],
  ]
  for (const [path, specifier] of cases) {
    const found = violationsWith(t, importing(path, specifier))
    t.ok(found.includes(`${path}:1: arrows`), `${path} importing ${specifier}`)
  }
})

t.test('allows what the arrows allow', async t => {
  const cases: Array<[path: string, specifier: string]> = [
    ['namenode/src/raft/a.ts', '@hopbine/common/base/errors.ts'],
    ['namenode/src/operations/a.ts', '../store/b.ts'],
    ['namenode/src/replica/a.ts', '../operations/registry.ts'],
    ['namenode/src/server/a.ts', './b.ts'],
    ['common/src/rules/a.ts', '../base/errors.ts'],
    ['common/src/rules/a.ts', '../protocol/types.ts'],
  ]
  for (const [path, specifier] of cases) {
    t.same(violationsWith(t, importing(path, specifier)), [], `${path} importing ${specifier}`)
  }
  const composing = "import { x } from '../server/b.ts'\nconsole.log(x)\n"
  t.same(violationsWith(t, { 'namenode/src/raft/a.test.ts': composing }), [], 'tests compose')
})

t.test('sees imports of types, of exports passed on and of programs to start', async t => {
  const path = 'common/src/base/a.ts'
  const lines = [
    "export type X = import('@hopbine/client/x.ts').X",
    "export { y } from '@hopbine/client/y.ts'",
    "export const z = await import('@hopbine/client/z.ts')",
    "export const w = new URL('../../../client/src/w.ts', import.meta.url)",
  ]
  const found = violationsWith(t, { [path]: `${lines.join('\n')}\n`, ...useOf(path) })
  t.same(
    found.filter(line => line.endsWith('arrows')),
    [1, 2, 3, 4].map(line => `${path}:${line}: arrows`),
  )
})

t.test('keeps raft synchronous', async t => {
  const path = 'namenode/src/raft/a.ts'
  const text = 'export async function step(): Promise<void> {\n  await null\n}\n'
  t.same(violationsWith(t, { [path]: text, ...useOf(path) }), [`${path}:1: arrows`, `${path}:2: arrows`])
})

t.test('measures files, functions and lines', async t => {
  const path = 'common/src/a.ts'
  const wide = `export const a = '${'x'.repeat(100)}'\n`
  t.same(violationsWith(t, { [path]: wide, ...useOf(path) }), [`${path}:1: line-width`])
  const long = '// line\n'.repeat(401)
  t.same(violationsWith(t, { [path]: long, ...useOf(path) }), [`${path}:401: file-size`])
  t.same(violationsWith(t, { 'common/src/b.test.ts': long }), [], 'tests may be longer')
  t.same(violationsWith(t, { 'common/src/b.test.ts': '// line\n'.repeat(601) }), [
    'common/src/b.test.ts:601: file-size',
  ])
  const tall = `\nexport const f = () => {\n${'  console.log()\n'.repeat(69)}}\n`
  t.same(violationsWith(t, { [path]: tall, ...useOf(path) }), [`${path}:2: function-size`])
})

t.test('reports names that name nothing, and barrels', async t => {
  for (const path of ['common/src/string-utils.ts', 'common/src/helpers/a.ts', 'common/src/camelCase.ts']) {
    t.same(violationsWith(t, { [path]: 'export const a = 1\n', ...useOf(path) }), [`${path}:1: names`])
  }
  const path = 'common/src/all.ts'
  for (const text of ["export { a } from './base/errors.ts'\n", "export * from './base/errors.ts'\n"]) {
    t.same(violationsWith(t, { [path]: text, ...useOf(path) }), [`${path}:1: names`])
  }
})

t.test('bans clocks, chance and settings in the deterministic folders only', async t => {
  const text = [
    'export const a = Date.now()',
    'export const b = Math.random()',
    'export const c = setTimeout(() => null, 1)',
    'export const d = process.env',
    'export const e = new Date()',
    'export const f = new Date(5)',
    '',
  ].join('\n')
  for (const folder of ['raft', 'namespace', 'operations', 'store']) {
    const path = `namenode/src/${folder}/a.ts`
    t.same(
      violationsWith(t, { [path]: text, ...useOf(path) }),
      [1, 2, 3, 4, 5].map(line => `${path}:${line}: determinism`),
    )
  }
  const elsewhere = 'namenode/src/server/a.ts'
  t.same(violationsWith(t, { [elsewhere]: text, ...useOf(elsewhere) }), [])
})

t.test('reports any, empty catch blocks and notes about work left over', async t => {
  const path = 'common/src/a.ts'
  const text = [
    'export const a: any = 1',
    'export const b = a as any',
    'try {',
    '  console.log(a)',
    '} catch {',
    '  // nothing',
    '}',
    `/* first\n${'TO'}DO: more */`,
    '',
  ].join('\n')
  t.same(violationsWith(t, { [path]: text, ...useOf(path) }), [
    `${path}:1: any`,
    `${path}:2: any`,
    `${path}:5: empty-catch`,
    `${path}:9: left-over`,
  ])
})

t.test('reports files that nothing uses', async t => {
  const path = 'common/src/a.ts'
  const text = 'export const a = 1\n'
  t.same(violationsWith(t, { [path]: text }), [`${path}:1: dead-file`])
  t.same(violationsWith(t, { [path]: text, 'scripts/start': 'exec node "$root/common/src/a.ts"\n' }), [])
  const worker = "new Worker(new URL('./a.ts', import.meta.url))\n"
  t.same(violationsWith(t, { [path]: text, 'common/src/main.ts': worker }), [])
})

t.test('reports packages that are not declared, not pinned or not described', async t => {
  const path = 'namenode/src/shards/a.ts'
  t.same(violationsWith(t, importing(path, 'pino')), [`${path}:1: undeclared`])
  const dependencies = { pino: '^10.4.0', yaml: '2.9.0' }
  t.same(violationsWith(t, { 'common/package.json': JSON.stringify({ dependencies }, null, 2) }), [
    'common/package.json:3: versions',
    'common/package.json:4: dependency-table',
  ])
  t.same(violationsWith(t, { 'package.json': '{}' }), ['CONTRIBUTING.md:8: dependency-table'])
})

t.test('holds the error codes and their page together', async t => {
  const path = 'common/src/base/errors.ts'
  const text = 'export const ERRORS = {\n  NOT_FOUND: 1,\n  STALE: 2,\n} as const\n'
  t.same(violationsWith(t, { [path]: text }), [`${path}:3: error-table`])
  const page = `${SOUND['docs/errors.md']}| \`GONE\` | gone |\n`
  t.same(violationsWith(t, { 'docs/errors.md': page }), ['docs/errors.md:4: error-table'])
})

t.test('reports a source that cannot be parsed', async t => {
  const path = 'common/src/a.ts'
  t.ok(violationsWith(t, { [path]: 'export const = 1\n', ...useOf(path) }).includes(`${path}:1: syntax`))
})

t.test('the tables of this repository name its own folders', async t => {
  const root = new URL('..', import.meta.url)
  const { workspaces } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'))
  const { WORKSPACE_ARROWS } = await import('./structure/tree.ts')
  t.same([...workspaces, 'scripts'].sort(), Object.keys(WORKSPACE_ARROWS).sort())
})
