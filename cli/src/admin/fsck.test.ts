import { randomBytes } from 'node:crypto'
import { copyFileSync, globSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { basename, dirname, join } from 'node:path'
import t from 'tap'
import { Installation, isRunning, until } from '../testing/installation.ts'

const DATANODES = 3
const BYTES = 300_000

const installation = new Installation()
t.teardown(() => installation.remove())
t.before(() => installation.up(['--datanodes', String(DATANODES)]))

const fsck = (...words: string[]): ReturnType<Installation['run']> =>
  installation.run('admin', 'fsck', ...words)

/** The path of a copy's bytes on one of the datanodes that hold the block. */
function copyOf(blockId: number | string | undefined): string {
  const [path] = globSync(join(installation.home, `datanode-*/groups/*/*/${blockId}.blk`))
  if (path === undefined) throw new Error(`nobody holds block ${blockId}`)
  return path
}

async function restarted(change: () => void): Promise<void> {
  await installation.down()
  change()
  await installation.up()
}

t.test('a healthy installation has no problem, whatever replication its files want', async t => {
  const file = join(t.testdir(), 'file')
  writeFileSync(file, randomBytes(BYTES))
  for (const copies of [1, 2, 3]) {
    const put = await installation.fs('-D', `dfs.replication=${copies}`, '-put', file, `/${copies}`)
    t.strictSame(put, { code: 0, signal: null, out: '', err: '' })
  }
  t.equal((await installation.fs('-stat', '%r', '/1', '/2', '/3')).out, '1\n2\n3\n')
  const { code, out } = await fsck()
  t.equal(code, 0)
  t.match(out, /^\d+ files and \d+ directories, 3 blocks \(6 copies sound, 0 bad\) checked: no problem\n$/)
  t.match(JSON.parse((await fsck('--json', '--metadata-only')).out), { problems: 0, repaired: 0 })
  t.match(JSON.parse((await fsck('--json')).out), {
    problems: 0,
    blocks: { blocks: 3, copies: 6, underReplicated: 0, lostBlocks: 0 },
    unneeded: { blocks: 0, bytes: 0 },
  })
})

t.test('more copies than there are datanodes are not missed', async t => {
  await installation.fs('-setrep', '16', '/3')
  t.match(await fsck(), { code: 0, out: /: no problem\n$/ })
  await installation.fs('-setrep', '3', '/3')
})

t.test('fewer copies than wanted are a warning', async t => {
  await installation.fs('-setrep', '2', '/1')
  const { code, out } = await fsck()
  t.equal(code, 0)
  t.match(out, /^warning: block \d+ \(inode \d+\): 1 of 2 wanted copies found\n/)
  t.match(out, / 3 blocks \(6 copies sound, 0 bad\), 1 with too few copies checked: no problem, 1 warning\n$/)
  await installation.fs('-setrep', '1', '/1')
})

t.test('a datanode that is down is one problem, and what it may hold a warning', async t => {
  const place = join(installation.home, 'datanode-2/format.json')
  const format = readFileSync(place)
  const pid = installation.upFile()?.roles[2]?.pid as number
  // It cannot start again until its folder is mended.
  writeFileSync(place, 'damaged')
  process.kill(pid, 'SIGKILL')
  await until('the datanode has ended', () => !isRunning(pid))
  const { code, out } = await fsck()
  writeFileSync(place, format)
  t.equal(code, 1)
  const [first] = out.split('\n').filter(line => !line.startsWith('warning: '))
  t.match(first, /^datanode \w+ at 127\.0\.0\.1:\d+: cannot connect to /)
  t.match(
    out,
    /^warning: block \d+ \(inode \d+\): 2 of 3 wanted copies found; 1 of 3 datanodes could not be asked$/m,
  )
  t.match(out, /, 3 not to be asked\)/)
  await until('the datanode is back', () => installation.upFile()?.roles[2]?.pid !== pid)
})

t.test('blocks that nothing needs are told, and are no failure', async t => {
  const copy = copyOf('*')
  // Blocks lie in folders by their last byte.
  const blockId = Number(basename(copy, '.blk')) + 256_000
  const stray = join(dirname(copy), String(blockId))
  copyFileSync(copy, `${stray}.blk`)
  copyFileSync(copy.replace('.blk', '.crc'), `${stray}.crc`)
  t.teardown(() => rmSync(`${stray}.blk`))
  const few = await fsck()
  t.equal(few.code, 0)
  t.match(few.out, /: no problem\n1 block \(293\.0 K\) on datanodes that nothing needs any more\n$/)
  t.match(
    (await fsck('--verbose')).out,
    new RegExp(`^block ${blockId} on \\w+: nothing needs its 300000 bytes\n`),
  )
  const lines = (await fsck('--verbose', '--json')).out.trim().split('\n')
  t.match(JSON.parse(lines[0] ?? ''), { unneeded: { blockId, bytes: BYTES, nodeId: String } })
  t.match(JSON.parse(lines[1] ?? ''), { unneeded: { blocks: 1, bytes: BYTES } })
})

t.test('a removed file leaves nothing to complain of', async t => {
  await installation.fs('-cp', '/1', '/removed')
  await installation.fs('-rm', '-skipTrash', '/removed')
  t.match(await fsck(), { code: 0, out: /, 3 blocks .* no problem\n$/ })
})

t.test('a damaged copy is a problem while others are sound, a lost file one when none is', async t => {
  // In order of time: the block of /1 is older than that of the removed copy, which is still kept.
  const held = globSync(join(installation.home, 'datanode-*/groups/*/*/*.blk'))
    .map(path => Number(basename(path, '.blk')))
    .sort((left, right) => left - right)
  const withCopies = (count: number): number | undefined =>
    held.find(id => held.filter(other => other === id).length === count)
  const [lonely, twice] = [withCopies(1), withCopies(2)]
  await restarted(() => {
    rmSync(copyOf(lonely))
    truncateSync(copyOf(twice), BYTES - 1)
  })
  for (const time of ['first', 'second']) {
    const { code, out } = await fsck()
    t.equal(code, 1, time)
    t.match(
      out,
      new RegExp(`^block ${lonely} \\(inode \\d+\\): no sound copy of its 300000 bytes was found$`, 'm'),
    )
    t.match(out, new RegExp(`^block ${twice} \\(inode \\d+\\) on \\w+: .+$`, 'm'))
    t.match(out, new RegExp(`^warning: block ${twice} .*: 1 of 2 wanted copies found$`, 'm'))
    t.match(out, /3 blocks \(4 copies sound, 1 bad\), 1 with too few copies checked: \d problems, 0 repaired/)
  }
})

t.test('--repair writes totals that are wrong anew', async t => {
  await installation.fs('-mkdir', '-p', '/totals/below')
  await installation.fsWith({ input: 'x' }, '-put', '-', '/totals/below/file')
  const count = async (): Promise<string> => (await installation.fs('-count', '/totals/below')).out
  const before = await count()
  await installation.down()
  const require = createRequire(new URL('../../../namenode/package.json', import.meta.url))
  const Database = require('better-sqlite3') as new (
    path: string,
  ) => {
    prepare(sql: string): { run(...values: unknown[]): { changes: number } }
    close(): void
  }
  const [store] = globSync(join(installation.home, 'namenode/shard-0/**/*.db'))
  t.ok(store, 'the store is found')
  const database = new Database(store as string)
  const below = `(SELECT id FROM entry WHERE name = 'below')`
  t.equal(database.prepare(`UPDATE directory SET files = 7, bytes = 99 WHERE id = ${below}`).run().changes, 1)
  database.close()
  await installation.up()
  t.not(await count(), before)

  const found = await fsck('--metadata-only')
  t.equal(found.code, 1)
  t.match(found.out, /^directory \d+ \(below\): files should be 1 and is 7\n.* bytes should be 1 and is 99\n/)
  t.match(found.out, /: 2 problems, 0 repaired\n$/)
  const repaired = await fsck('--metadata-only', '--repair')
  t.equal(repaired.code, 0)
  t.match(repaired.out, /: 2 problems, 2 repaired\n$/)
  t.equal(await count(), before)
  t.match(await fsck('--metadata-only'), { code: 0, out: /: no problem\n$/ })
})
