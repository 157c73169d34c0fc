// test-timeout-seconds: 600
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { Installation, until } from '../testing/installation.ts'

const MIB = 1024 * 1024
/** Small beside what a namenode wants free, which it looks up every second or so only. */
const FILE_BYTES = 10 * MIB
const REFUSED = /the disk of \S+ has \d+ bytes left, writes need \d+: free some space|every datanode is full/

const disk = mkdtempSync(join(tmpdir(), 'hopbine-disk-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=400m', 'tmpfs', disk], { encoding: 'utf8' })
const skip =
  mounted.status === 0 ? false : `NOT TESTED: a disk that fills needs the right to mount: ${mounted.stderr}`
const installation = new Installation(join(disk, 'home'))

t.teardown(async () => {
  await installation.down()
  if (mounted.status === 0) spawnSync('umount', [disk])
  rmSync(disk, { recursive: true })
})

/** Why writes are refused, or ''. */
async function refusal(): Promise<string> {
  const { out, err } = await installation.run('admin', 'status', '--json')
  if (out === '') return err
  const { readOnlyReason, datanodes } = JSON.parse(out)
  return readOnlyReason === '' && datanodes[0].full ? 'the datanode is full' : readOnlyReason
}

async function isReadOnly(): Promise<boolean> {
  return JSON.parse((await installation.run('admin', 'status', '--json')).out).readOnlyReason !== ''
}

/** Takes every byte that the disk has left. */
function fill(path: string): void {
  const file = openSync(path, 'w')
  try {
    for (const size of [MIB, 4096]) while (writes(file, Buffer.alloc(size)));
  } finally {
    closeSync(file)
  }
}

function writes(file: number, bytes: Buffer): boolean {
  try {
    return writeSync(file, bytes) === bytes.length
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOSPC') return false
    throw error
  }
}

t.test('a disk that is full', { skip }, async t => {
  // Blocks of removed files go at once: no backup is to be restored here.
  await installation.up(['--backup-hold-hours', '0'])
  const content = randomBytes(FILE_BYTES)
  const readsGoOn = async (when: string): Promise<void> => {
    const { code, out } = await installation.fs('-checksum', '/0')
    t.equal(code, 0, `reads go on ${when}`)
    t.equal(out, checksum, `${when}: the bytes are right`)
  }
  await t.test('refuses writes with a sentence', async t => {
    let refused = ''
    let count = 0
    for (; refused === '' && count < 50; count++) {
      const put = await installation.fsWith({ input: content }, '-put', '-', `/${count}`)
      if (put.code !== 0) refused = put.err
    }
    t.match(refused, REFUSED)
    t.equal(refused.trim().split('\n').length, 1)
    t.ok(count > 10, `${count} files fitted`)
    await until('the namenode has seen it', isReadOnly)
    t.match((await installation.run('doctor')).out, /FAIL {2}writes: are refused: the disk of/)
    for (const line of ['-mkdir /folder', '-touchz /empty', '-mv /0 /moved']) {
      t.match(await installation.fs(...line.split(' ')), { code: 1, err: REFUSED }, line)
    }
  })
  const checksum = (await installation.fs('-checksum', '/0')).out
  t.match(checksum, /^\/0\tCOMPOSITE-CRC32C\t[0-9a-f]{8}\n$/)
  const copy = join(t.testdir(), 'copy')
  t.equal((await installation.fs('-get', '/0', copy)).code, 0)
  t.ok(readFileSync(copy).equals(content))

  await t.test('serves reads, also after its roles were killed', async t => {
    for (const index of [1, 0]) {
      const role = installation.upFile()?.roles[index]
      process.kill(role?.pid as number, 'SIGKILL')
      await readsGoOn(`after the ${role?.role} was killed`)
      await until('it is back', () => installation.upFile()?.roles[index]?.pid !== role?.pid)
    }
    t.match(await installation.run('admin', 'fsck'), { code: 0, out: /no problem(, 1 warning)?\n$/ })
  })

  await t.test('to the last byte still serves reads', async t => {
    fill(join(disk, 'ballast'))
    await until('the namenode has seen it', async () => (await refusal()).includes(' has 0 bytes left'))
    await readsGoOn('with no byte left')
    t.match(await installation.fs('-rm', '-skipTrash', '/1'), { code: 1, err: REFUSED })
    rmSync(join(disk, 'ballast'))
  })

  await t.test('goes on when files were removed', async t => {
    await until('-rm is served', async () => (await installation.fs('-rm', '-skipTrash', '/1')).code === 0)
    for (let index = 2; index <= 10; index++) {
      t.equal((await installation.fs('-rm', '-skipTrash', `/${index}`)).code, 0)
    }
    await until('there is room again', async () => (await refusal()) === '')
    t.match(await installation.fsWith({ input: content }, '-put', '-', '/again'), { code: 0, err: '' })
    await readsGoOn('in the end')
    t.match(await installation.run('admin', 'fsck'), { code: 0, out: /no problem\n/ })
  })
})
