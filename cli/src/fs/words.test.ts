import t from 'tap'
import { readArguments } from './arguments.ts'
import { parseByteCount } from './byte-count.ts'
import { type FsCommand, MANY } from './command.ts'
import { copyingPath, originalName } from './copying-name.ts'
import { parseExpression } from './find.ts'
import { Lanes } from './lanes.ts'
import { parseMode } from './mode-change.ts'
import { readProperty } from './properties.ts'
import { checkpointTime } from './trash.ts'

const command: FsCommand = {
  name: 'x',
  usage: '',
  sentence: '',
  flags: [
    { name: 'R', sentence: '' },
    { name: 't', value: 'N', sentence: '' },
    { name: '-resume', sentence: '' },
  ],
  arguments: [1, 2],
  printsJson: true,
  run: async () => undefined,
}

t.test('flags end at the first other word, as in Hadoop', async t => {
  const { flags, args } = readArguments(command, ['-R', '-t', '4', '--resume', '--json', 'a', '-R'])
  t.strictSame(
    [...flags],
    [
      ['R', ''],
      ['t', '4'],
      ['-resume', ''],
      ['-json', ''],
    ],
  )
  t.strictSame(args, ['a', '-R'])
  t.strictSame(readArguments(command, ['--', '-a']).args, ['-a'])
  t.strictSame(readArguments(command, ['-R', '-']).args, ['-'])
})

t.test('wrong words are refused in the words of Hadoop, with exit code 255', async t => {
  const cases: ReadonlyArray<readonly [words: string[], message: string]> = [
    [['-q', 'a'], 'Illegal option -q'],
    [['-Rt', 'a'], 'Illegal option -Rt'],
    [[], 'Not enough arguments: expected 1 but got 0'],
    [['a', 'b', 'c'], 'Too many arguments: expected 2 but got 3'],
    [['-t'], 'option -t requires 1 argument'],
  ]
  for (const [words, message] of cases) {
    t.throws(() => readArguments(command, words), { message, exitCode: 255 })
  }
  const plain = { ...command, printsJson: false, arguments: [0, MANY] as const }
  t.throws(() => readArguments(plain, ['--json']), { message: 'Illegal option --json' })
})

t.test('modes are read as digits and as letters', async t => {
  const cases: ReadonlyArray<readonly [text: string, from: number, to: number, isDirectory?: boolean]> = [
    ['750', 0o644, 0o750],
    ['1777', 0, 0o1777],
    ['u+x', 0o644, 0o744],
    ['go-rwx', 0o755, 0o700],
    ['a=r', 0o755, 0o444],
    ['u=rwx,g=rx,o=', 0o777, 0o750],
    ['+x', 0o644, 0o755],
    ['+w', 0o444, 0o644],
    ['o=g', 0o750, -1],
    ['a+X', 0o644, 0o644],
    ['a+X', 0o744, 0o755],
    ['a+X', 0o644, 0o755, true],
    ['+t', 0o777, 0o1777],
    ['-t', 0o1777, 0o777],
    ['u+s,g+s', 0o755, 0o6755],
    ['u+r-w', 0o200, 0o400],
  ]
  for (const [text, from, to, isDirectory = false] of cases) {
    t.equal(parseMode(text)?.(from, isDirectory) ?? -1, to, `${text} of ${from.toString(8)}`)
  }
  for (const text of ['', '8', '999', 'u', 'z+x', 'u+q', 'u+x,', '77', '12345'])
    t.equal(parseMode(text), undefined)
})

t.test('expressions of find split from the paths', async t => {
  const { paths, conditions, end } = parseExpression(['/a', '/b', '-name', '*.{csv,txt}', '-print0'])
  t.strictSame(paths, ['/a', '/b'])
  t.equal(conditions.length, 1)
  t.equal(end, '\0')
  t.strictSame(parseExpression([]).paths, ['.'])
  t.throws(() => parseExpression(['/', '-name']), { message: 'Not enough arguments for -name' })
  t.throws(() => parseExpression(['/', '-size', '1']), { message: 'Unexpected argument: -size' })
  t.throws(() => parseExpression(['/', '-type', 'x']), { message: 'Unknown type x: d, f or l expected' })
})

t.test('byte counts take a unit', async t => {
  t.equal(parseByteCount('10'), 10)
  t.equal(parseByteCount('2k'), 2048)
  t.equal(parseByteCount('3G'), 3 * 1024 ** 3)
  for (const text of ['', '-1', '1.5g', 'g', '99999999p']) t.equal(parseByteCount(text), undefined, text)
})

t.test('properties before a command say how new files are stored', async t => {
  t.strictSame(readProperty('dfs.replication=3'), { replication: 3 })
  t.strictSame(readProperty('dfs.blocksize=64m'), { blockSize: 64 * 1024 ** 2 })
  const cases: ReadonlyArray<readonly [text: string, message: string]> = [
    ['dfs.replication', '-D needs NAME=VALUE, not "dfs.replication"'],
    ['dfs.replication=0', 'dfs.replication must be 1 to 16, not "0"'],
    ['dfs.replication=', 'dfs.replication must be 1 to 16, not ""'],
    ['dfs.blocksize=1k', 'dfs.blocksize must be 1m to 1g, not "1k"'],
    ['dfs.blocksize=many', 'dfs.blocksize must be 1m to 1g, not "many"'],
    ['dfs.replicatoin=2', '-D does not know the property "dfs.replicatoin": did you mean dfs.replication?'],
    ['toString=2', '-D does not know the property "toString": it knows dfs.replication and dfs.blocksize'],
  ]
  for (const [text, message] of cases) t.throws(() => readProperty(text), { message, exitCode: 255 })
})

t.test('a file that is being copied has a name that fits', async t => {
  t.equal(copyingPath('/a/b'), '/a/b._COPYING_')
  t.equal(originalName('b._COPYING_'), 'b')
  t.equal(originalName('b'), 'b')
  for (const name of ['n'.repeat(255), 'n'.repeat(246), 'é'.repeat(127), '🐦'.repeat(63)]) {
    const path = copyingPath(`folder/${name}`)
    t.equal(copyingPath(`folder/${name}`), path)
    t.ok(path.startsWith(`folder/${name.slice(0, 100)}`) && path.endsWith('._COPYING_'))
    t.ok(Buffer.byteLength(path) <= 'folder/'.length + 255)
    t.ok(path.isWellFormed())
    t.equal(originalName(path.slice('folder/'.length)), undefined)
  }
  t.not(copyingPath(`${'n'.repeat(254)}a`), copyingPath(`${'n'.repeat(254)}b`))
})

t.test('names of trash checkpoints carry their time', async t => {
  t.equal(checkpointTime('260102030405')?.getTime(), new Date(2026, 0, 2, 3, 4, 5).getTime())
  t.ok(checkpointTime('260102030405-2'))
  t.equal(checkpointTime('Current'), undefined)
})

t.test('lanes run at most their number of tasks, and end with the first failure', async t => {
  const lanes = new Lanes(3)
  let running = 0
  let most = 0
  for (let index = 0; index < 20; index++) {
    await lanes.add(async () => {
      running += 1
      most = Math.max(most, running)
      await new Promise(resolve => setTimeout(resolve, 1))
      running -= 1
    })
  }
  await lanes.done()
  t.equal(most, 3)
  t.equal(running, 0)
  const failing = new Lanes(1)
  await failing.add(async () => {
    throw new Error('first')
  })
  await t.rejects(failing.done(), { message: 'first' })
})
