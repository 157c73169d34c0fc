/** The client's metadata methods against a real namenode. */
import { readFile } from 'node:fs/promises'
import type { FileStatus } from '@hopbine/client/index.ts'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'

const cluster = await bootInProcess({ datanodes: 0 })
t.teardown(() => cluster.stop())
const fs = await cluster.connect()

async function pathsOf(entries: AsyncIterable<FileStatus>): Promise<string[]> {
  return (await Array.fromAsync(entries)).map(({ path }) => path)
}

t.test('directories are made one by one or with everything above them', async t => {
  await t.rejects(fs.mkdir('/dirs/a/b'), { code: 'NOT_FOUND' })
  const made = await fs.mkdirs('/dirs/a/b', { mode: 0o750 })
  t.equal(made.mode, 0o750)
  t.ok(made.isDirectory())
  await t.rejects(fs.mkdir('/dirs/a'), { code: 'ALREADY_EXISTS' })
  t.equal((await fs.mkdir('/dirs/plain')).mode, 0o755)
  t.equal((await fs.mkdir('/dirs/open', { umask: 0 })).mode, 0o777)
})

t.test('relative paths start at the home directory', async t => {
  t.equal(fs.homeDirectory, `/user/${fs.user}`)
  await fs.writeFile('notes.txt', 'mine')
  t.equal((await fs.readFile(`/user/${fs.user}/notes.txt`)).toString(), 'mine')
})

t.test('a listing goes on page by page, and can start and stop anywhere', async t => {
  const count = 2345
  const names = Array.from({ length: count }, (_, i) => `f${String(i).padStart(5, '0')}`)
  await Promise.all(names.map(name => fs.writeFile(`/many/${name}`, '')))
  t.same(
    await pathsOf(fs.listStatus('/many')),
    names.map(name => `/many/${name}`),
  )
  t.same(await pathsOf(fs.listStatus('/many', { after: 'f02342', pageMax: 1 })), [
    '/many/f02343',
    '/many/f02344',
  ])
  const first: string[] = []
  for await (const { name } of fs.listStatus('/many', { pageMax: 10 })) {
    first.push(name)
    if (first.length === 15) break
  }
  t.same(first, names.slice(0, 15))
  await t.rejects(pathsOf(fs.listStatus('/many', { pageMax: 0 })), { code: 'INVALID_ARGUMENT' })
})

t.test('a file lists itself, and a directory with one file of its own name does not', async t => {
  await fs.writeFile('/one/one', 'x')
  t.same(await pathsOf(fs.listStatus('/one')), ['/one/one'])
  t.same(await pathsOf(fs.listStatus('/one/one')), ['/one/one'])
  await fs.createSymlink('/one/one', '/link-to-one')
  t.same(await pathsOf(fs.listStatus('/link-to-one')), ['/link-to-one'])
  await t.rejects(pathsOf(fs.listStatus('/missing')), { code: 'NOT_FOUND' })
})

t.test('patterns find what they name and list no more', async t => {
  for (const path of ['/g/2024/a.log', '/g/2024/b.txt', '/g/2025/a.log', '/g/2025/.a.log']) {
    await fs.writeFile(path, '')
  }
  t.same(await pathsOf(fs.glob('/g/*/a.log')), ['/g/2024/a.log', '/g/2025/a.log'])
  t.same(await pathsOf(fs.glob('/g/202[5-9]/*')), ['/g/2025/.a.log', '/g/2025/a.log'])
  t.same(await pathsOf(fs.glob('/g/{2025/a,2024/b}.*')), ['/g/2025/a.log', '/g/2024/b.txt'])
  t.same(await pathsOf(fs.glob('/g/{2024,2024}')), ['/g/2024'])
  t.same(await pathsOf(fs.glob('/g/none*')), [])
  t.same(await pathsOf(fs.glob('/missing/*')), [])
  t.same(await pathsOf(fs.glob('/')), ['/'])
})

t.test('a rename refuses, replaces or exchanges', async t => {
  await fs.writeFile('/ren/a', 'a')
  await fs.writeFile('/ren/b', 'b')
  await t.rejects(fs.rename('/ren/a', '/ren/b'), { code: 'ALREADY_EXISTS' })
  await fs.rename('/ren/a', '/ren/b', { existing: 'exchange' })
  t.equal((await fs.readFile('/ren/a')).toString(), 'b')
  await fs.rename('/ren/a', '/ren/b', { existing: 'replace' })
  t.equal((await fs.readFile('/ren/b')).toString(), 'b')
  t.notOk(await fs.exists('/ren/a'))
})

t.test('a delete removes what it was allowed to and counts it', async t => {
  for (const path of ['/del/a/1', '/del/a/2', '/del/b/3']) await fs.writeFile(path, 'four')
  await t.rejects(fs.delete('/del'), { code: 'NOT_EMPTY' })
  await t.rejects(fs.delete('/del/a/1', { only: 'directory' }), { code: 'NOT_A_DIRECTORY' })
  await t.rejects(fs.delete('/del/a', { only: 'file' }), { code: 'IS_A_DIRECTORY' })
  t.same(await fs.delete('/del/a/1'), { files: 1, directories: 0, bytes: 4 })
  t.same(await fs.delete('/del', { recursive: true }), { files: 2, directories: 3, bytes: 8 })
  await t.rejects(fs.delete('/del'), { code: 'NOT_FOUND' })
})

t.test('attributes are set as asked and read back exactly', async t => {
  await fs.writeFile('/attr/f', 'x')
  t.equal((await fs.setPermission('/attr/f', 0o4751)).mode, 0o4751)
  const owned = await fs.setOwner('/attr/f', { owner: 'ann', group: 'staff' })
  t.same([owned.owner, owned.group], ['ann', 'staff'])
  t.equal((await fs.setOwner('/attr/f', { group: 'ops' })).owner, 'ann')
  const exact = { seconds: 1_700_000_000, nanos: 123_456_789 }
  const timed = await fs.setTimes('/attr/f', { mtime: exact, atime: 1500.25 })
  t.same(timed.mtime, exact)
  t.equal(timed.atimeMs, 1500.25)
  t.same((await fs.setTimes('/attr/f', { atime: -1 })).mtime, exact)
  t.equal((await fs.getFileStatus('/attr/f')).atimeMs, -1)
  t.equal((await fs.setReplication('/attr/f', 3)).replication, 3)
})

t.test('symbolic links are followed, or looked at', async t => {
  await fs.writeFile('/links/target', 'real')
  await fs.createSymlink('target', '/links/soft')
  t.equal(await fs.getLinkTarget('/links/soft'), 'target')
  t.equal((await fs.readFile('/links/soft')).toString(), 'real')
  t.ok((await fs.getFileStatus('/links/soft')).isFile())
  t.ok((await fs.getFileStatus('/links/soft', { followLast: false })).isSymlink())
})

t.test('totals are exact and quotas hold', async t => {
  await fs.mkdirs('/quota')
  await fs.setQuota('/quota', { names: 3 })
  await fs.writeFile('/quota/a', '12345')
  const summary = await fs.getContentSummary('/quota')
  t.same([summary.files, summary.directories, summary.bytes, summary.nameQuota], [1, 1, 5, 3])
  await fs.writeFile('/quota/b', '')
  await t.rejects(fs.writeFile('/quota/c', ''), { code: 'NAME_QUOTA_EXCEEDED' })
  await fs.setQuota('/quota', { names: 'none' })
  await fs.writeFile('/quota/c', '')
})

t.test('another user has his own home and his own rights', async t => {
  const ann = await cluster.connect({ user: 'ann', groups: ['staff'] })
  t.equal(ann.user, 'ann')
  t.notOk(ann.superuser)
  await fs.mkdirs('/private', { mode: 0o700 })
  await t.rejects(ann.writeFile('/private/x', ''), { code: 'ACCESS_DENIED' })
  await t.rejects(Array.fromAsync(ann.listStatus('/private')), { code: 'ACCESS_DENIED' })
  t.notOk(await ann.exists('/nothing'))
})

t.test('TCP wants the token and then serves the same', async t => {
  const { rpc } = JSON.parse(await readFile(`${cluster.home}/up.json`, 'utf8'))
  const token = (await readFile(`${cluster.home}/secrets/rpc.token`, 'utf8')).trim()
  await t.rejects(cluster.connect(rpc), { code: 'UNAUTHENTICATED' })
  await t.rejects(cluster.connect({ ...rpc, token: 'wrong' }), { code: 'UNAUTHENTICATED' })
  const remote = await cluster.connect({ ...rpc, token })
  await remote.writeFile('/tcp/file', 'over the wire')
  t.equal((await fs.readFile('/tcp/file')).toString(), 'over the wire')
})

t.test('an aborted call is CANCELLED', async t => {
  const aborted = AbortSignal.abort()
  await t.rejects(fs.getFileStatus('/', { signal: aborted }), { code: 'CANCELLED' })
  await t.rejects(fs.writeFile('/never', 'x', { signal: aborted }), { code: 'CANCELLED' })
  await t.rejects(fs.openFile('/never', { create: true, signal: aborted }), { code: 'CANCELLED' })
  t.notOk(await fs.exists('/never'))
})

t.test('the change feed tells what happened, in order', async t => {
  const seen: string[] = []
  const stop = new AbortController()
  await fs.mkdirs('/feed')
  const watched = (async () => {
    for await (const change of fs.changes({ from: 0, signal: stop.signal })) {
      if (change.name === 'feed' || change.name === 'fed') seen.push(change.what)
      if (change.what === 'remove' && change.name === 'fed') return
    }
  })()
  await fs.rename('/feed', '/fed')
  await fs.delete('/fed')
  await watched
  t.equal(seen.length, 3, seen.join(' '))
})
