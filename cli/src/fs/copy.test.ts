// test-timeout-seconds: 240
import { createHash, randomBytes } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import t from 'tap'
import { Installation, Running, until } from '../testing/installation.ts'

const MIB = 1024 * 1024
const installation = new Installation()
t.teardown(() => installation.remove())
t.before(() => installation.up(['--datanodes', '2']))

const fs = (...words: string[]): ReturnType<Installation['fs']> => installation.fs(...words)

/** Sizes around the bound of inline files and beyond a packet. */
const SIZES = [0, 1, 65_535, 65_536, 65_537, 3 * MIB + 17]

/** A folder with files of all sizes, in some depth. */
function makeTree(folder: string): void {
  for (const [index, size] of SIZES.entries()) {
    const place = join(folder, ...Array.from({ length: index % 3 }, (_, depth) => `sub ${depth}`))
    mkdirSync(place, { recursive: true })
    writeFileSync(join(place, `datei-ü-${size}`), randomBytes(size))
  }
  mkdirSync(join(folder, 'empty'))
  for (let index = 0; index < 40; index++) writeFileSync(join(folder, `small-${index}`), `content ${index}`)
}

/** Relative path to digest, of all files and folders below. */
function digests(folder: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const name of readdirSync(folder, { recursive: true, encoding: 'utf8' })) {
    const path = join(folder, name)
    const isFolder = statSync(path).isDirectory()
    found[name] = isFolder ? 'folder' : createHash('sha256').update(readFileSync(path)).digest('hex')
  }
  return found
}

t.test('a tree that goes in and out is the same', async t => {
  const folder = t.testdir({ tree: {} })
  const tree = join(folder, 'tree')
  makeTree(tree)
  t.strictSame(await fs('-put', tree, '/one'), { code: 0, signal: null, out: '', err: '' })
  t.equal((await fs('-get', '/one', join(folder, 'back'))).code, 0)
  t.strictSame(digests(join(folder, 'back')), digests(tree))
  t.equal((await fs('-cp', '-t', '2', '/one', '/two')).code, 0)
  t.equal((await fs('-get', '/two', folder)).code, 0)
  t.strictSame(digests(join(folder, 'two')), digests(tree), 'a copy within the filesystem, too')
  const counts = (await fs('-count', '/one', '/two')).out
    .split('\n')
    .map(line => line.trim().split(/ +/).slice(0, 3))
  t.strictSame(counts[0], counts[1])
  t.notMatch((await fs('-ls', '-R', '-C', '/one', '/two')).out, '_COPYING_')
})

t.test('put: where things go, and what is in the way', async t => {
  const folder = t.testdir({ a: 'A', b: 'B', tree: { x: 'X' } })
  const [a, b, tree] = ['a', 'b', 'tree'].map(name => join(folder, name)) as [string, string, string]
  await fs('-mkdir', '-p', '/p/dir')
  const cases: ReadonlyArray<readonly [words: string[], code: number, err: string]> = [
    [['-put', join(folder, 'no'), '/p'], 1, `put: \`${join(folder, 'no')}': No such file or directory\n`],
    [['-put', a, '/p/no/x'], 1, "put: `/p/no/x': No such file or directory\n"],
    [['-put', a, '/p/no/'], 1, "put: `/p/no/': No such file or directory\n"],
    [['-put', a, b, '/p/no'], 1, "put: `/p/no': No such file or directory\n"],
    [['-put', a, '/p/new'], 0, ''],
    [['-put', a, '/p/new'], 1, "put: `/p/new': File exists\n"],
    [['-put', b, '/p/new'], 1, "put: `/p/new': File exists\n"],
    [['-put', a, b, '/p/new'], 1, "put: `/p/new': Is not a directory\n"],
    [['-put', '-f', b, '/p/new'], 0, ''],
    [['-put', a, b, '/p/dir'], 0, ''],
    [['-put', a, b, '/p/dir'], 1, "put: `/p/dir/a': File exists\nput: `/p/dir/b': File exists\n"],
    [['-put', tree, '/p/dir'], 0, ''],
    [['-put', tree, '/p/dir'], 1, "put: `/p/dir/tree/x': File exists\n"],
    [['-put', tree, '/p/new'], 1, "put: `/p/new': File exists\n"],
    [['-put', '-f', tree, '/p/new'], 1, "put: `/p/new': Is not a directory\n"],
    [['-put', '-t', '0', a, '/p'], 255, '-put: -t must be 1 to 64, not 0\n'],
    [['-copyFromLocal', a, '/p/copied'], 0, ''],
    [['-moveFromLocal', a, '/p/moved'], 0, ''],
  ]
  for (const [words, code, err] of cases) {
    const result = await fs(...words)
    t.equal(result.code, code, words.join(' '))
    t.equal(result.err.replace(/Usage: .*\n/, ''), err, words.join(' '))
  }
  t.equal((await fs('-cat', '/p/new')).out, 'B', '-f replaced it')
  t.equal((await fs('-cat', '/p/dir/{a,b}')).out, 'AB')
  t.notOk(existsSync(a), 'the moved source is gone')
})

t.test('put reads standard input, and keeps times and modes with -p', async t => {
  const big = randomBytes(MIB)
  t.equal((await installation.fsWith({ input: big }, '-put', '-', '/stdin')).code, 0)
  const folder = t.testdir({ old: 'x' })
  chmodSync(join(folder, 'old'), 0o640)
  utimesSync(join(folder, 'old'), 1_000_000_000.25, 1_100_000_000.5)
  t.equal((await fs('-put', '-p', join(folder, 'old'), '/old')).code, 0)
  t.equal((await fs('-stat', '%a %X %Y', '/old')).out, '640 1000000000250 1100000000500\n')
  t.equal((await fs('-get', '-p', '/old', join(folder, 'new'))).code, 0)
  const stat = statSync(join(folder, 'new'))
  t.strictSame([stat.mode & 0o777, stat.mtimeMs], [0o640, 1_100_000_000_500])
  t.equal((await fs('-get', '/stdin', join(folder, 'stdin'))).code, 0)
  t.ok(readFileSync(join(folder, 'stdin')).equals(big))
})

t.test('get: where things go, and what is in the way', async t => {
  const folder = t.testdir({ dir: {}, taken: 'old' })
  const at = (name: string): string => join(folder, name)
  await fs('-mkdir', '-p', '/g/tree')
  await installation.fsWith({ input: 'F' }, '-put', '-', '/g/f')
  await installation.fsWith({ input: 'X' }, '-put', '-', '/g/tree/x')
  const cases: ReadonlyArray<readonly [words: string[], code: number, err: string]> = [
    [['-get', '/g/no', at('x')], 1, "get: `/g/no': No such file or directory\n"],
    [['-get', '/g/f', at('taken')], 1, `get: \`${at('taken')}': File exists\n`],
    [['-get', '-f', '/g/f', at('taken')], 0, ''],
    [['-get', '/g/f', at('no/x')], 1, `get: \`${at('no/x')}': No such file or directory\n`],
    [['-get', '/g/f', '/g/tree', at('taken')], 1, `get: \`${at('taken')}': Is not a directory\n`],
    [['-get', '/g/*', at('dir')], 0, ''],
    [['-get', '/g/f', at('dir')], 1, `get: \`${at('dir/f')}': File exists\n`],
    [['-get', '/g/tree', at('dir')], 1, `get: \`${at('dir/tree/x')}': File exists\n`],
    [['-getmerge', '-nl', '/g/f', '/g/tree', at('merged')], 0, ''],
  ]
  for (const [words, code, err] of cases) {
    const result = await fs(...words)
    t.strictSame({ code: result.code, err: result.err }, { code, err }, words.join(' '))
  }
  t.strictSame(Object.keys(digests(at('dir'))).sort(), ['f', 'tree', 'tree/x'])
  t.equal(readFileSync(at('taken'), 'utf8'), 'F')
  t.equal(readFileSync(at('merged'), 'utf8'), 'F\nX\n')
  t.equal((await fs('-get', '/g/f', '-')).out, 'F')
})

t.test('cat, text, head, tail, checksum and appendToFile', async t => {
  const folder = t.testdir({ more: ' and more' })
  const lines = Array.from({ length: 200 }, (_, index) => `line ${index}`).join('\n')
  await installation.fsWith({ input: lines }, '-put', '-', '/lines')
  await installation.fsWith({ input: gzipSync(lines) }, '-put', '-', '/lines.gz')
  await installation.fsWith({ input: zstdCompressSync(Buffer.from(lines)) }, '-put', '-', '/lines.zst')
  t.equal((await fs('-cat', '/lines', '/lines')).out, lines + lines)
  t.equal((await fs('-text', '/lines', '/lines.gz', '/lines.zst')).out, lines + lines + lines)
  t.equal((await fs('-head', '/lines')).out, lines.slice(0, 1024))
  t.equal((await fs('-tail', '/lines')).out, lines.slice(-1024))
  const broken = gzipSync(lines).subarray(0, 100)
  await installation.fsWith({ input: broken }, '-put', '-', '/broken.gz')
  t.match(await fs('-text', '/broken.gz'), { code: 1, err: /^text: / })
  t.match(await fs('-cat', '/', '/no'), {
    code: 1,
    err: "cat: `/': Is a directory\ncat: `/no': No such file or directory\n",
  })
  t.equal((await installation.fsWith({ input: '123456789' }, '-put', '-', '/check')).code, 0)
  // The check value of CRC-32C that its catalogue gives.
  t.equal((await fs('-checksum', '/check')).out, '/check\tCOMPOSITE-CRC32C\te3069283\n')
  t.equal((await fs('-appendToFile', join(folder, 'more'), '/check')).code, 0)
  t.equal((await installation.fsWith({ input: '!' }, '-appendToFile', '-', '/check')).code, 0)
  t.equal((await fs('-cat', '/check')).out, '123456789 and more!')
  t.equal((await fs('-appendToFile', join(folder, 'more'), '/made')).code, 0)
  t.equal((await fs('-cat', '/made')).out, ' and more')
  t.match(await fs('-appendToFile', join(folder, 'no'), '/check'), { code: 1, err: /No such file/ })
})

t.test('cp: where things go, and what is in the way', async t => {
  await fs('-mkdir', '-p', '/c/tree/sub', '/c/dir')
  await installation.fsWith({ input: 'F' }, '-put', '-', '/c/f')
  await installation.fsWith({ input: 'G' }, '-put', '-', '/c/tree/sub/g')
  const cases: ReadonlyArray<readonly [words: string[], code: number, err: string]> = [
    [['-cp', '/c/no', '/c/x'], 1, "cp: `/c/no': No such file or directory\n"],
    [['-cp', '/c/f', '/c/f'], 1, "cp: `/c/f': File exists\n"],
    [['-cp', '-f', '/c/f', '/c/f'], 1, "cp: `/c/f' to `/c/f': are identical\n"],
    [
      ['-cp', '/c/tree', '/c/tree/sub'],
      1,
      "cp: `/c/tree' to `/c/tree/sub/tree': is a subdirectory of itself\n",
    ],
    [['-cp', '/c/f', '/c/tree', '/c/dir'], 0, ''],
    [['-cp', '/c/f', '/c/dir'], 1, "cp: `/c/dir/f': File exists\n"],
    [['-cp', '-f', '/c/f', '/c/dir'], 0, ''],
    [['-cp', '/c/tree', '/c/new'], 0, ''],
  ]
  for (const [words, code, err] of cases) {
    const result = await fs(...words)
    t.strictSame({ code: result.code, err: result.err }, { code, err }, words.join(' '))
  }
  t.equal((await fs('-cat', '/c/new/sub/g', '/c/dir/tree/sub/g', '/c/dir/f')).out, 'GGF')
})

t.test('symbolic links are followed, loops end', async t => {
  const folder = t.testdir({ tree: { sub: { f: 'F' } } })
  symlinkSync('sub/f', join(folder, 'tree/link'))
  symlinkSync('..', join(folder, 'tree/sub/up'))
  symlinkSync('nowhere', join(folder, 'tree/dangling'))
  const put = await fs('-put', join(folder, 'tree'), '/links')
  t.equal(put.code, 1)
  t.match(put.err, /dangling': No such file or directory\n/)
  t.match(put.err, /up': A symbolic link leads into itself\n/)
  t.equal((await fs('-cat', '/links/link')).out, 'F')
  await fs('-ln', '-s', '/links', '/links/sub/loop')
  const get = await fs('-get', '/links', join(folder, 'back'))
  t.match(get, { code: 1, err: /^get: `\/links\/sub\/loop': A symbolic link leads into itself\n$/ })
  t.equal(readFileSync(join(folder, 'back/sub/f'), 'utf8'), 'F')
})

t.test('Ctrl-C during put and get leaves nothing half-visible and exits 130', async t => {
  const folder = t.testdir()
  const big = join(folder, 'big')
  writeFileSync(big, randomBytes(192 * MIB))
  const put = new Running(['fs', '-put', big, '/big'], { env: { HOPBINE_HOME: installation.home } })
  await until('put has begun', async () => (await fs('-test', '-e', '/big._COPYING_')).code === 0)
  put.child.kill('SIGINT')
  t.match(await put.ended, { code: 130, out: '', err: '' })
  t.equal((await fs('-find', '/', '-name', 'big*')).out, '')

  t.equal((await fs('-put', big, '/big')).code, 0)
  const target = join(folder, 'out')
  const get = new Running(['fs', '-get', '/big', target], { env: { HOPBINE_HOME: installation.home } })
  await until('get has begun', () => existsSync(`${target}._COPYING_`))
  get.child.kill('SIGINT')
  t.match(await get.ended, { code: 130, out: '', err: '' })
  t.strictSame(readdirSync(folder), ['big'])
})

t.test('an interrupted copy goes on with --resume, and skips what is there', async t => {
  const folder = t.testdir({ tree: {} })
  const tree = join(folder, 'tree')
  makeTree(tree)
  writeFileSync(join(tree, 'big'), randomBytes(192 * MIB))
  const put = new Running(['fs', '-put', '--resume', tree, '/resumed'], {
    env: { HOPBINE_HOME: installation.home },
  })
  await until(
    'put has begun',
    async () => (await fs('-test', '-s', '/resumed/big._COPYING_')).code === 0 || isOver(put),
  )
  put.child.kill('SIGINT')
  const { code } = await put.ended
  const second = await fs('-put', '--resume', '--json', tree, '/resumed')
  t.equal(second.code, 0)
  t.notMatch(second.err, /./)
  if (code === 130) t.ok(second.out.split('\n').length < SIZES.length + 40, 'not everything was copied again')
  const third = await fs('-put', '--resume', '--json', tree, '/resumed')
  t.strictSame([third.code, third.out], [0, ''], 'nothing is left to do')
  const back = join(folder, 'back')
  const get = new Running(['fs', '-get', '--resume', '/resumed', back], {
    env: { HOPBINE_HOME: installation.home },
  })
  await until('get has begun', () => existsSync(join(back, 'big._COPYING_')) || isOver(get))
  get.child.kill('SIGINT')
  await get.ended
  t.equal((await fs('-get', '--resume', '/resumed', back)).code, 0)
  t.strictSame(digests(back), digests(tree))
})

function isOver(running: Running): boolean {
  return running.child.exitCode !== null
}
