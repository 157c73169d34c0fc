// test-timeout-seconds: 600
/** The mount against a real cluster and a real kernel: what programs do with files. */
import { constants } from 'node:fs'
import * as fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { patternAt } from './content.ts'
import { Mounted } from './mounted.ts'

// Node has no name for it in errors.
const EDQUOT = 122
const KIB = 1024
const MIB = 1024 * KIB

requireMounting(t, 'NOTHING OF THE MOUNT WAS TESTED')

t.setTimeout(600_000)
// Processes of their own: a server in this one could wait for a thread that waits for the mount.
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const client = await FileSystem.connect({ home })
const mounted = await Mounted.start(home, '--suid', '--dev')
t.teardown(async () => {
  await mounted.remove()
  client.close()
  await cluster.close()
})
const at = (...names: string[]): string => mounted.path(...names)

t.test(
  'what is written through the mount is there for clients when it is closed, and the other way',
  async t => {
    await fs.writeFile(at('small'), 'hello')
    t.equal((await client.readFile('/small')).toString(), 'hello')
    const large = patternAt(0, 3 * MIB)
    await fs.writeFile(at('large'), large)
    t.ok((await client.readFile('/large')).equals(large))
    await client.writeFile('/theirs', 'from outside')
    t.equal(await fs.readFile(at('theirs'), 'utf8'), 'from outside')
    await client.writeFile('/theirs', 'anew', { overwrite: true })
    await sleep(1_100)
    t.equal(await fs.readFile(at('theirs'), 'utf8'), 'anew')
  },
)

t.test('bytes that are written and not saved yet are read, measured and cut', async t => {
  const file = await fs.open(at('open'), 'w+')
  const other = await fs.open(at('open'), 'r+')
  await file.write(patternAt(0, 200 * KIB), 0, 200 * KIB, 0)
  t.equal((await fs.stat(at('open'))).size, 200 * KIB)
  const seen = Buffer.alloc(1000)
  await other.read(seen, 0, 1000, 150 * KIB)
  t.ok(seen.equals(patternAt(150 * KIB, 1000)))
  await other.write(Buffer.from('end'), 0, 3, 300 * KIB)
  await file.truncate(300 * KIB + 1)
  t.equal((await other.stat()).size, 300 * KIB + 1)
  await file.close()
  await other.close()
  const content = await client.readFile('/open')
  t.equal(content.length, 300 * KIB + 1)
  t.ok(content.subarray(200 * KIB, 300 * KIB).equals(Buffer.alloc(100 * KIB)), 'a hole')
})

t.test('times that a program sets stay, also on a file that it has just written', async t => {
  const file = await fs.open(at('dated'), 'w')
  await file.write('content')
  await file.utimes(1_000_000_000.25, 1_100_000_000.5)
  await file.close()
  const { mtimeMs, atimeMs } = await fs.stat(at('dated'))
  t.same([atimeMs, mtimeMs], [1_000_000_000_250, 1_100_000_000_500])
})

t.test('a file without a name lives while it is open', async t => {
  const file = await fs.open(at('unlinked'), 'w+')
  await file.write('before')
  await fs.unlink(at('unlinked'))
  t.same((await fs.readdir(at())).includes('unlinked'), false)
  await file.write(' and after')
  const { nlink, size } = await file.stat()
  t.same([nlink, size], [0, 16])
  const seen = Buffer.alloc(16)
  await file.read(seen, 0, 16, 0)
  t.equal(seen.toString(), 'before and after')
  const { ino } = await file.stat()
  await file.close()
  await sleep(200)
  await t.rejects(client.getFileStatus(`/.reserved/.inodes/${ino}`), { code: 'STALE' })
})

t.test('a quota refuses what does not fit when it is closed, and the file can be written again', async t => {
  await fs.mkdir(at('limited'))
  await client.setQuota('/limited', { bytes: 300 * KIB })
  await fs.writeFile(at('limited', 'fits'), patternAt(0, 100 * KIB))
  await fs.writeFile(at('limited', 'small'), patternAt(0, 60 * KIB))
  await t.rejects(fs.writeFile(at('limited', 'large'), patternAt(0, 200 * KIB)), {
    message: new RegExp(`-${EDQUOT}`),
  })
  await sleep(200)
  await fs.writeFile(at('limited', 'large'), patternAt(0, 50 * KIB))
  t.equal((await client.readFile('/limited/large')).length, 50 * KIB)
  t.equal((await client.getContentSummary('/limited')).bytes, 210 * KIB)
})

t.test('names: links, renames over open files, removal of directories, and their errors', async t => {
  await fs.mkdir(at('names'))
  await fs.writeFile(at('names', 'a'), 'a')
  await fs.link(at('names', 'a'), at('names', 'b'))
  t.equal((await fs.stat(at('names', 'b'))).nlink, 2)
  await fs.symlink('b', at('names', 's'))
  t.equal(await fs.readFile(at('names', 's'), 'utf8'), 'a')
  const file = await fs.open(at('names', 'b'), 'r')
  await fs.writeFile(at('names', 'c'), 'c')
  await fs.rename(at('names', 'c'), at('names', 'b'))
  await fs.unlink(at('names', 'a'))
  t.equal(await file.readFile('utf8'), 'a')
  await file.close()
  await t.rejects(fs.rmdir(at('names')), { code: 'ENOTEMPTY' })
  await t.rejects(fs.mkdir(at('names')), { code: 'EEXIST' })
  await t.rejects(fs.stat(at('names', 'none')), { code: 'ENOENT' })
  await t.rejects(fs.stat(at('names', 'b', 'x')), { code: 'ENOTDIR' })
  await t.rejects(fs.writeFile(at('names', 'n'.repeat(256)), ''), { code: 'ENAMETOOLONG' })
  await t.rejects(fs.open(at('names', 'b'), constants.O_CREAT | constants.O_EXCL), { code: 'EEXIST' })
  await t.rejects(fs.writeFile(Buffer.concat([Buffer.from(`${at('names')}/`), Buffer.from([0xff])]), ''), {
    code: 'EILSEQ',
  })
  await fs.rm(at('names'), { recursive: true })
  t.notOk(await client.exists('/names'))
})

t.test('a directory is read to its end while entries come and go', async t => {
  await fs.mkdir(at('many'))
  const names = Array.from({ length: 2_500 }, (_, index) => `f${String(index).padStart(5, '0')}`)
  for (let i = 0; i < names.length; i += 50) {
    await Promise.all(names.slice(i, i + 50).map(name => client.writeFile(`/many/${name}`, '')))
  }
  const seen: string[] = []
  for await (const { name } of await fs.opendir(at('many'), { bufferSize: 16 })) {
    seen.push(name)
    // Everything already seen is removed behind the reader.
    if (seen.length % 500 === 0) await Promise.all(seen.slice(-500).map(gone => fs.unlink(at('many', gone))))
  }
  t.same(seen.sort(), names)
  t.equal((await fs.readdir(at('many'))).length, 0)
})

t.test('each caller acts with the own rights', async t => {
  await fs.mkdir(at('shared'), { mode: 0o777 })
  await fs.chmod(at('shared'), 0o1777)
  const as = (user: number, script: string): Promise<string> =>
    mounted.run('setpriv', `--reuid=${user}`, `--regid=${user}`, '--clear-groups', 'sh', '-ec', script)
  await as(4001, 'umask 022; cd shared; echo mine > mine; mkdir -m 700 closed; echo x > closed/x')
  const { uid, gid, mode } = await fs.stat(at('shared', 'mine'))
  t.same([uid, gid, mode & 0o777], [4001, 4001, 0o644])
  t.match(await client.getFileStatus('/shared/mine'), { owner: '4001', group: '4001' })
  await as(4002, 'cat shared/mine')
  for (const script of [
    'echo y > shared/mine',
    'cat shared/closed/x',
    'rm -f shared/mine',
    'chmod 777 shared/mine',
  ]) {
    await t.rejects(as(4002, script), script)
  }
  await fs.chown(at('shared', 'mine'), 4002, 4002)
  await as(4002, 'chmod 600 shared/mine; echo changed > shared/mine')
  await t.rejects(as(4001, 'cat shared/mine'))
})

t.test('a memory map of the file shows and changes its content', async t => {
  await fs.writeFile(at('mapped'), patternAt(0, 256 * KIB))
  await mounted.run(
    'python3',
    '-c',
    [
      'import mmap',
      'f = open("mapped", "r+b")',
      'm = mmap.mmap(f.fileno(), 0)',
      'm[100000:100005] = b"hello"',
      'm.flush(); m.close(); f.close()',
    ].join('\n'),
  )
  t.equal((await client.readFile('/mapped')).subarray(100_000, 100_005).toString(), 'hello')
})

t.test('extended attributes are set, listed and removed', async t => {
  const script = [
    'import os, errno',
    'open("tagged", "w").close()',
    'os.setxattr("tagged", "user.a", b"one"); os.setxattr("tagged", "user.b", b"x" * 60000)',
    'print(os.getxattr("tagged", "user.a"), len(os.getxattr("tagged", "user.b")), os.listxattr("tagged"))',
    'os.removexattr("tagged", "user.b"); print(os.listxattr("tagged"))',
    'for name, flags in ("user.none", os.XATTR_REPLACE), ("user.a", os.XATTR_CREATE):',
    '    try: os.setxattr("tagged", name, b"", flags)',
    '    except OSError as e: print(errno.errorcode[e.errno])',
  ].join('\n')
  t.same((await mounted.run('python3', '-c', script)).trim().split('\n'), [
    "b'one' 60000 ['user.a', 'user.b']",
    "['user.a']",
    'ENODATA',
    'EEXIST',
  ])
})

t.test('holes are found, punched and grown', async t => {
  const script = [
    'import os, ctypes',
    'libc = ctypes.CDLL(None, use_errno=True)',
    'libc.fallocate.argtypes = [ctypes.c_int, ctypes.c_int, ctypes.c_longlong, ctypes.c_longlong]',
    'M = 1 << 20',
    'fd = os.open("sparse", os.O_CREAT | os.O_RDWR)',
    'os.pwrite(fd, b"x" * M, M); os.pwrite(fd, b"y" * M, 4 * M)',
    'seek = lambda at, how: os.lseek(fd, at, how) / M',
    'print(seek(0, os.SEEK_DATA), seek(M, os.SEEK_HOLE))',
    'print(seek(2 * M, os.SEEK_DATA), seek(4 * M, os.SEEK_HOLE))',
    'assert libc.fallocate(fd, 3, 4 * M + M // 4, M // 2) == 0',
    'print(seek(4 * M, os.SEEK_HOLE), os.pread(fd, 2, 4 * M + M // 4 - 1), os.fstat(fd).st_size // M)',
    'assert libc.fallocate(fd, 0, 0, 7 * M) == 0 and libc.fallocate(fd, 1, 0, 70 * M) == 0',
    'print(os.fstat(fd).st_size // M, os.pread(fd, 1, 7 * M - 1), libc.fallocate(fd, 8, 0, 4096))',
    'os.close(fd)',
  ].join('\n')
  t.same((await mounted.run('python3', '-c', script)).trim().split('\n'), [
    '1.0 2.0',
    '4.0 5.0',
    "4.25 b'y\\x00' 5",
    "7 b'\\x00' -1",
  ])
})

t.test('git, tar and SQLite work as on a local disk', async t => {
  await mounted.run(
    'sh',
    '-ec',
    [
      'git init -q repo && cd repo',
      'git config user.email t@example.org && git config user.name T && git config gc.auto 0',
      'for i in 1 2 3 4 5; do echo $i > f$i; git add .; git commit -qm $i; done',
      'git gc -q && git fsck --strict && git status --porcelain > ../status',
      'cd .. && git clone -q repo copy && diff -r repo/f1 copy/f1',
      'tar -cf r.tar repo && mkdir out && tar -xf r.tar -C out && diff -r repo out/repo',
    ].join('\n'),
  )
  t.equal(await fs.readFile(at('status'), 'utf8'), '')
  for (const mode of ['DELETE', 'WAL']) {
    const script = [
      'import sqlite3, sys',
      `a = sqlite3.connect("${mode}.db"); a.execute("pragma journal_mode=${mode}")`,
      'a.execute("create table t (n integer)"); a.commit()',
      `b = sqlite3.connect("${mode}.db")`,
      'for n in range(20):',
      '    (a if n % 2 else b).execute("insert into t values (?)", (n,)); (a if n % 2 else b).commit()',
      'count = a.execute("select count(*) from t").fetchone()[0]',
      'print(count, a.execute("pragma integrity_check").fetchone()[0])',
    ].join('\n')
    t.equal((await mounted.run('python3', '-c', script)).trim(), '20 ok', mode)
  }
})

t.test('calls wait for a namenode that is restarted, and go on', async t => {
  // In a process of its own: starting a server from here would wait for files that are open here.
  const script = [
    'import time',
    'f = open("through", "w", buffering=1); f.write("before\\n"); time.sleep(1)',
    'open("meanwhile", "w").write("written while it was away")',
    'f.write("after\\n"); f.close()',
  ].join('\n')
  const writing = mounted.run('python3', '-c', script)
  await sleep(500)
  await cluster.end('namenode', 'SIGKILL')
  await sleep(1_500)
  await cluster.startAgain('namenode')
  await writing
  t.equal((await client.readFile('/through')).toString(), 'before\nafter\n')
  t.equal((await client.readFile('/meanwhile')).toString(), 'written while it was away')
})

t.test('a mount point that a crash left is replaced, and what was closed is there', async t => {
  await fs.writeFile(at('kept'), 'kept')
  const open = await fs.open(at('held'), 'w')
  await open.write('lost')
  await mounted.crash()
  await t.rejects(open.close())
  await t.rejects(fs.readdir(at()), { code: 'ENOTCONN' })
  await mounted.mount()
  t.equal(await fs.readFile(at('kept'), 'utf8'), 'kept')
  await fs.writeFile(at('held'), 'free again')
})

t.test('two mounts: what one has closed the other opens, and appends of both in turn all stay', async t => {
  const second = await Mounted.start(home)
  t.teardown(() => second.remove())
  const mounts = [mounted, second]
  await fs.writeFile(at('turns'), '')
  let expected = ''
  for (let turn = 0; turn < 20; turn++) {
    const [writer, reader] = turn % 2 === 0 ? mounts : [...mounts].reverse()
    await fs.appendFile(writer?.path('turns') as string, `turn ${turn}\n`)
    expected += `turn ${turn}\n`
    t.equal(await fs.readFile(reader?.path('turns') as string, 'utf8'), expected)
  }
  const files = await Promise.all(mounts.map(mount => fs.open(mount.path('turns'), 'a')))
  const line = 'x'.repeat(99)
  await Promise.all(
    files.map(async file => {
      for (let i = 0; i < 20; i++) {
        await file.write(`${line}\n`)
        await file.sync()
      }
    }),
  )
  await Promise.all(files.map(file => file.close()))
  const lines = (await client.readFile('/turns')).toString().slice(expected.length).split('\n')
  t.equal(lines.filter(found => found === line).length, 40)
})

t.test('a mount of a directory, read-only, by the other reader', async t => {
  await client.writeFile('/sub/dir/file', 'content')
  const readOnly = await Mounted.start(home, '--read-only', '--reader', 'thread-pool', '/sub')
  t.teardown(() => readOnly.remove())
  t.same(await fs.readdir(readOnly.path()), ['dir'])
  t.equal(await fs.readFile(readOnly.path('dir', 'file'), 'utf8'), 'content')
  await t.rejects(fs.writeFile(readOnly.path('new'), ''), { code: 'EROFS' })
  await t.rejects(fs.unlink(readOnly.path('dir', 'file')), { code: 'EROFS' })
})
