// test-timeout-seconds: 600
/** POSIX ACLs on a real mount: the kernel and the namenode decide alike for two users, and tools work. */
import { spawnSync } from 'node:child_process'
import * as fs from 'node:fs/promises'
import { FileSystem } from '@hopbine/client/index.ts'
import { getAcl } from '@hopbine/common/protocol/acl.ts'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NO ACL OF THE MOUNT WAS TESTED')

/** Users and groups without a name on this machine: they go by their digits. */
const [ADA, EVE, LAB] = [4001, 4002, 4005]

t.setTimeout(600_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const client = await FileSystem.connect({ home })
const mounted = await Mounted.start(home)
t.teardown(async () => {
  await mounted.remove()
  client.close()
  await cluster.close()
})
const at = (...names: string[]): string => mounted.path(...names)

/** Reads and writes ACLs as the kernel's attributes, in a process of its own. */
const PROGRAM = `
import os, struct, sys
TAGS = {1: "u", 2: "u", 4: "g", 8: "g", 16: "m", 32: "o"}
def get(path, kind):
    value = os.getxattr(path, "system.posix_acl_" + kind)
    assert struct.unpack_from("<I", value)[0] == 2
    entries = struct.iter_unpack("<HHI", value[4:])
    return ",".join("%s:%s:%d" % (TAGS[t], "" if i == 0xffffffff else i, r) for t, r, i in entries)
def put(path, kind, spec):
    value = struct.pack("<I", 2)
    for part in spec.split(","):
        letter, name, rights = part.split(":")
        bare, named = {"u": (1, 2), "g": (4, 8), "m": (16, 16), "o": (32, 32)}[letter]
        value += struct.pack("<HHI", named if name else bare, int(rights), int(name) if name else 0xffffffff)
    os.setxattr(path, "system.posix_acl_" + kind, value)
def drop(path, kind):
    os.removexattr(path, "system.posix_acl_" + kind)
call, args = sys.argv[1], sys.argv[2:]
result = {"get": get, "put": put, "drop": drop, "names": lambda path: os.listxattr(path)}[call](*args)
print("" if result is None else result)
`
const acl = async (call: string, ...args: string[]): Promise<string> =>
  (await mounted.run('python3', '-c', PROGRAM, call, ...args)).trim()

const as = (user: number, script: string, groups: readonly number[] = [user]): Promise<string> =>
  mounted.run(
    'setpriv',
    `--reuid=${user}`,
    `--regid=${groups[0]}`,
    groups.length > 1 ? `--groups=${groups.slice(1).join(',')}` : '--clear-groups',
    'sh',
    '-ec',
    script,
  )

t.test('an ACL lets one user in and keeps the other out; chmod moves the mask', async t => {
  await fs.mkdir(at('d'), { mode: 0o755 })
  await fs.writeFile(at('d', 'f'), 'content')
  await fs.chmod(at('d', 'f'), 0o600)
  await t.rejects(as(ADA, 'cat d/f'))
  await acl('put', 'd/f', 'access', `u::6,u:${ADA}:6,g::0,g:${LAB}:4,m::6,o::0`)
  t.equal((await fs.stat(at('d', 'f'))).mode & 0o777, 0o660)
  t.equal(await as(ADA, 'cat d/f; echo more >> d/f'), 'content')
  await t.rejects(as(EVE, 'cat d/f'))
  t.equal(await as(EVE, 'cat d/f', [EVE, LAB]), 'contentmore\n')
  await t.rejects(as(EVE, 'echo no >> d/f', [EVE, LAB]))
  await fs.chmod(at('d', 'f'), 0o640)
  t.equal(await acl('get', 'd/f', 'access'), `u::6,u:${ADA}:6,g::0,g:${LAB}:4,m::4,o::0`)
  await t.rejects(as(ADA, 'echo no >> d/f'))
  t.equal(await as(ADA, 'cat d/f'), 'contentmore\n')
  t.equal(await acl('names', 'd/f'), "['system.posix_acl_access']")
  const { access } = await client.call(getAcl, { path: '/d/f' })
  t.ok(access.some(({ name, rights }) => name === String(ADA) && rights === 6))
  await acl('drop', 'd/f', 'access')
  await t.rejects(acl('get', 'd/f', 'access'), { message: /No data available/ })
  await t.rejects(as(ADA, 'cat d/f'))
})

t.test('search rights of directories on the way come from their ACLs', async t => {
  await fs.mkdir(at('closed', 'in'), { recursive: true, mode: 0o700 })
  await fs.writeFile(at('closed', 'in', 'f'), 'deep')
  await fs.chmod(at('closed'), 0o700)
  await t.rejects(as(EVE, 'cat closed/in/f'))
  for (const path of ['closed', 'closed/in']) {
    await acl('put', path, 'access', `u::7,u:${EVE}:1,g::0,m::1,o::0`)
  }
  t.equal(await as(EVE, 'cat closed/in/f'), 'deep')
  await t.rejects(as(EVE, 'ls closed/in'))
  await t.rejects(as(ADA, 'cat closed/in/f'))
})

t.test('what is made inherits the default ACL, and only then the umask does not count', async t => {
  await fs.mkdir(at('shared'))
  await fs.chmod(at('shared'), 0o777)
  const spec = `u::7,u:${EVE}:7,g::0,m::7,o::0`
  await acl('put', 'shared', 'default', spec)
  await fs.mkdir(at('plain'))
  await fs.chmod(at('plain'), 0o777)
  const make = 'umask 077; mkdir dir; echo x > file; mkfifo fifo; mkdir -p dir/deep; echo y > dir/file'
  await as(ADA, `cd shared; ${make}`)
  await as(ADA, `cd plain; ${make}`)
  const mode = async (...names: string[]): Promise<number> => (await fs.stat(at(...names))).mode & 0o777
  const names = ['dir', 'file', 'fifo']
  t.same(await Promise.all(names.map(name => mode('plain', name))), [0o700, 0o600, 0o600])
  t.same(await Promise.all(names.map(name => mode('shared', name))), [0o770, 0o660, 0o660])
  t.equal(await acl('get', 'shared/file', 'access'), `u::6,u:${EVE}:7,g::0,m::6,o::0`)
  t.equal(await acl('get', 'shared/dir/deep', 'default'), spec)
  t.equal(await as(EVE, 'cat shared/dir/file; echo z >> shared/file; touch shared/dir/mine'), 'y\n')
  await t.rejects(acl('put', 'shared/file', 'default', spec), { message: /Permission denied/ })
  const words = ['put', 'shared/file', 'access', 'u::6,g::6,o::6'].map(word => `'${word}'`).join(' ')
  const program = `python3 -c '${PROGRAM}' ${words}`
  await t.rejects(as(EVE, program), { message: /Operation not permitted/ })
  await as(ADA, program)
  t.equal(await mode('shared', 'file'), 0o666)
})

t.test('an ACL set on one mount counts on another at the next call, whatever its kernel holds', async t => {
  const second = await Mounted.start(home, '--cache-ms', '1000')
  t.teardown(() => second.remove())
  await fs.mkdir(at('both'), { mode: 0o700 })
  await fs.writeFile(at('both', 'f'), 'x')
  const look = (): Promise<string> =>
    second.run('setpriv', `--reuid=${EVE}`, `--regid=${EVE}`, '--clear-groups', 'stat', '-c', '%s', 'both/f')
  for (let round = 0; round < 5; round++) {
    await t.rejects(look(), { message: /Permission denied/ })
    await acl('put', 'both', 'access', `u::7,u:${EVE}:1,g::0,m::1,o::0`)
    t.equal(await look(), '1\n')
    await acl('put', 'both', 'access', `u::7,u:${EVE}:0,g::0,m::1,o::0`)
  }
})

t.test('names that this machine does not know stay when an ACL is edited here', async t => {
  await client.writeFile('/foreign', 'x')
  await client.setAcl('/foreign', 'user::rw-,user:zoe-elsewhere:r--,group::r--,other::---')
  const shown = await acl('get', 'foreign', 'access')
  t.equal(shown, 'u::6,u:65534:4,g::4,m::4,o::0')
  await acl('put', 'foreign', 'access', `u::6,u:${ADA}:7,u:65534:4,g::4,m::7,o::0`)
  const { access } = await client.call(getAcl, { path: '/foreign' })
  t.same(
    access.filter(({ name }) => name !== '').map(({ name, rights }) => [name, rights]),
    [
      [String(ADA), 7],
      ['zoe-elsewhere', 4],
    ],
  )
})

t.test('setfacl, getfacl, ls and cp work', async t => {
  const missing = ['setfacl', 'getfacl'].filter(name => spawnSync(name, ['--version']).error !== undefined)
  if (missing.length > 0)
    return void t.pass('skipped', { skip: `NOT TESTED: ${missing} not installed (acl)` })
  await fs.writeFile(at('tool'), 'x')
  await fs.chmod(at('tool'), 0o640)
  await mounted.run('setfacl', '-m', `u:${ADA}:rwx,g:${LAB}:r`, 'tool')
  const listed = (await mounted.run('getfacl', '-cn', 'tool')).trim().split('\n')
  t.same(listed, [
    'user::rw-',
    `user:${ADA}:rwx`,
    'group::r--',
    `group:${LAB}:r--`,
    'mask::rwx',
    'other::---',
  ])
  t.match(await mounted.run('ls', '-l', 'tool'), /^-rw-rwx---\+ /)
  await mounted.run('cp', '-a', 'tool', 'copy')
  t.same((await mounted.run('getfacl', '-cn', 'copy')).trim().split('\n'), listed)
  await mounted.run('setfacl', '-x', `u:${ADA}`, 'tool')
  t.match(await mounted.run('getfacl', '-cn', 'tool'), /mask::r--/)
  await mounted.run('setfacl', '-b', 'tool')
  t.match(await mounted.run('ls', '-l', 'tool'), /^-rw-r----- /)
  await fs.mkdir(at('tools', 'sub'), { recursive: true })
  await mounted.run('setfacl', '-R', '-m', `d:u:${EVE}:rwx`, 'tools')
  t.match(await mounted.run('getfacl', '-cn', 'tools/sub'), new RegExp(`default:user:${EVE}:rwx`))
  await mounted.run('setfacl', '-k', 'tools')
  t.notMatch(await mounted.run('getfacl', '-cn', 'tools'), /default/)
  await mounted.run('sh', '-ec', 'getfacl -Rn tools > saved; setfacl -Rb tools; setfacl --restore=saved')
  t.match(await mounted.run('getfacl', '-cn', 'tools/sub'), new RegExp(`default:user:${EVE}:rwx`))
})
