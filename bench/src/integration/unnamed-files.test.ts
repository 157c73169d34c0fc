/** O_TMPFILE through the mount: files that have no name until a program gives them one. */
import * as fs from 'node:fs/promises'
import { setTimeout as sleep } from 'node:timers/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'FILES WITHOUT A NAME WERE NOT TESTED')

const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const client = await FileSystem.connect({ home: cluster.home.path })
const mounted = await Mounted.start(cluster.home.path)
t.teardown(async () => {
  await mounted.remove()
  client.close()
  await cluster.close()
})

/** Runs Python in the mount; it has `handle`, a file without a name that was opened in `d`. */
async function python(lines: string): Promise<string> {
  const head = `
import errno, os, sys
handle = os.open('d', os.O_TMPFILE | os.O_RDWR, 0o640)
def name(path, fd=None):
    # With a descriptor for the source, Python calls linkat, which can follow the link.
    os.link('/proc/self/fd/%d' % (fd or handle), path, src_dir_fd=0, follow_symlinks=True)
`
  return (await mounted.run('python3', '-c', head + lines)).trim()
}

await fs.mkdir(mounted.path('d'))
await fs.chmod(mounted.path('d'), 0o777)

t.test('it is written, read, named, and there for everybody with all that was in it', async t => {
  const large = await python(`
os.write(handle, b'x' * 300000)
os.fsync(handle)
os.write(handle, b'the end')
assert os.fstat(handle).st_nlink == 0
assert os.listdir('d') == []
assert os.pread(handle, 100, 300000) == b'the end'
name('d/named')
assert os.fstat(handle).st_nlink == 1
os.write(handle, b', really')
os.close(handle)
print(os.stat('d/named').st_mode & 0o777)
`)
  t.equal(large, String(0o640 & ~0o022))
  const content = (await client.readFile('/d/named')).toString()
  t.equal(content, `${'x'.repeat(300_000)}the end, really`)
  t.same(await fs.readdir(mounted.path('d')), ['named'])
})

t.test('what gets no name is gone when it is closed', async t => {
  const inode = await python(`
os.write(handle, b'gone')
print(os.fstat(handle).st_ino)
`)
  await sleep(300)
  await t.rejects(client.getFileStatus(`/.reserved/.inodes/${inode}`), { code: 'STALE' })
  t.same(await fs.readdir(mounted.path('d')), ['named'])
})

t.test('a file that has got a name lives on without it, like any other', async t => {
  await python(`
os.write(handle, b'content')
name('d/first')
name('d/second')
os.unlink('d/first')
os.unlink('d/second')
assert os.fstat(handle).st_nlink == 0
assert os.pread(handle, 100, 0) == b'content'
`)
  t.same(await fs.readdir(mounted.path('d')), ['named'])
})

t.test('taken names, O_EXCL and files that lost their name are refused as on a local disk', async t => {
  const said = await python(`
def fails(action):
    try: action()
    except OSError as error: return errno.errorcode[error.errno]
    return 'worked'
exclusive = os.open('d', os.O_TMPFILE | os.O_RDWR | os.O_EXCL, 0o600)
removed = os.open('d/removed', os.O_CREAT | os.O_RDWR)
os.unlink('d/removed')
tries = [('d/named',), ('d/new', exclusive), ('d/new', removed)]
print(*[fails(lambda: name(*arguments)) for arguments in tries])
`)
  t.equal(said, 'EEXIST ENOENT ENOENT')
})

t.test('other users make and name such files where they may write', async t => {
  await fs.mkdir(mounted.path('closed'))
  const said = await python(`
os.close(handle)
os.setgid(65534); os.setuid(65534)
handle = os.open('d', os.O_TMPFILE | os.O_RDWR, 0o600)
os.write(handle, b'mine')
name('d/theirs')
os.close(handle)
print(os.stat('d/theirs').st_uid, open('d/theirs').read())
try: os.open('closed', os.O_TMPFILE | os.O_RDWR, 0o600)
except OSError as error: print(errno.errorcode[error.errno])
`)
  t.equal(said, '65534 mine\nEACCES')
})
