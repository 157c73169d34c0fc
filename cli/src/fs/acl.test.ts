import t, { type Test } from 'tap'
import { Installation } from '../testing/installation.ts'

const installation = new Installation()
t.teardown(() => installation.remove())
t.before(() => installation.up())

const fs = (line: string, input = ''): ReturnType<Installation['fs']> =>
  installation.fsWith({ input }, ...line.split(' ').filter(Boolean))

/** Runs command lines that must succeed without a word. */
async function must(test: Test, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    const { code, out, err } = await fs(line)
    test.strictSame({ code, out, err }, { code: 0, out: '', err: '' }, line)
  }
}

/** What `-getfacl` says below its head. */
async function entries(path: string): Promise<string[]> {
  const { out } = await fs(`-getfacl ${path}`)
  return out.split('\n').filter(line => line !== '' && !line.startsWith('#'))
}

t.test('getfacl shows owner, group and entries as Hadoop does', async t => {
  await must(t, '-mkdir /g', '-chmod 1750 /g', '-chown ann:staff /g', '-put - /g/f', '-chmod 640 /g/f')
  const plain = await fs('-getfacl /g')
  const head = '# file: /g\n# owner: ann\n# group: staff\n# flags: --T\n'
  t.equal(plain.out, `${head}user::rwx\ngroup::r-x\nother::---\n\n`)
  await must(t, '-setfacl -m user:bruce:rwx,default:group:sales:rwx,default:mask::r-x /g')
  await must(t, '-chmod 740 /g')
  const lines = [
    '# file: /g',
    '# owner: ann',
    '# group: staff',
    'user::rwx',
    'user:bruce:rwx\t#effective:r--',
    'group::r-x\t#effective:r--',
    'mask::r--',
    'other::---',
    'default:user::rwx',
    'default:group::r-x',
    'default:group:sales:rwx\t#effective:r-x',
    'default:mask::r-x',
    'default:other::---',
  ]
  t.same((await fs('-getfacl /g')).out, `${lines.join('\n')}\n\n`)
  t.match((await fs('-getfacl -R /g')).out, /^# file: \/g\n[\s\S]*\n\n# file: \/g\/f\n[\s\S]*other::---\n\n$/)
  t.match((await fs('-ls -d /g')).out, /^drwxr-----\+ {2}- ann staff /)
  t.match((await fs('-ls /g')).out, /\n-rw-r----- {3}1 /)
  t.match(JSON.parse((await fs('-getfacl --json /g')).out), {
    path: '/g',
    owner: 'ann',
    access: [
      { type: 'user', name: '', permission: 'rwx' },
      { type: 'user', name: 'bruce', permission: 'rwx' },
    ],
    default: { 2: { type: 'group', name: 'sales' } },
  })
})

t.test('setfacl adds, removes, replaces and clears', async t => {
  await must(t, '-mkdir -p /s/sub', '-put - /s/sub/f', '-chmod 640 /s/sub/f')
  await must(t, '-setfacl -m user:ada:rw-,group:lab:r-- /s/sub/f')
  t.same(await entries('/s/sub/f'), [
    'user::rw-',
    'user:ada:rw-',
    'group::r--',
    'group:lab:r--',
    'mask::rw-',
    'other::---',
  ])
  await must(t, '-setfacl -x user:ada /s/sub/f')
  t.same(await entries('/s/sub/f'), ['user::rw-', 'group::r--', 'group:lab:r--', 'mask::r--', 'other::---'])
  await must(t, '-setfacl --set user::rwx,user:eve:r--,group::---,other::--- /s/sub/f')
  t.same(await entries('/s/sub/f'), ['user::rwx', 'user:eve:r--', 'group::---', 'mask::r--', 'other::---'])
  await must(t, '-setfacl -b /s/sub/f')
  t.same(await entries('/s/sub/f'), ['user::rwx', 'group::---', 'other::---'])
  await must(t, '-setfacl -R -m user:ada:r-x,default:user:ada:rwx /s')
  t.same(await entries('/s/sub/f'), ['user::rwx', 'user:ada:r-x', 'group::---', 'mask::r-x', 'other::---'])
  t.equal((await entries('/s/sub')).filter(line => line.startsWith('default:')).length, 5)
  await must(t, '-put - /s/sub/new')
  t.ok((await entries('/s/sub/new')).includes('user:ada:rwx\t#effective:rw-'), 'a new file inherits')
  await must(t, '-setfacl -R -k /s')
  t.notOk((await entries('/s/sub')).some(line => line.startsWith('default:')))
  t.ok((await entries('/s/sub')).includes('user:ada:r-x'))
})

t.test('an ACL decides for others', async t => {
  await must(t, '-mkdir /o', '-chmod 700 /o')
  await fs('-put - /o/f', 'secret')
  t.match(await fs('--user ada -cat /o/f'), { code: 1, err: /Permission denied/ })
  await must(t, '-setfacl -m user:ada:r-x /o')
  t.match(await fs('--user ada -cat /o/f'), { code: 0, out: 'secret' })
  t.match(await fs('--user eve:ops -cat /o/f'), { code: 1 })
  await must(t, '-setfacl -m group:ops:r-x /o')
  t.match(await fs('--user eve:ops -cat /o/f'), { code: 0, out: 'secret' })
  t.match(await fs('--user eve:ops -setfacl -b /o'), { code: 1, err: /^setfacl: .*Operation not permitted/ })
})

t.test('what cannot be understood is refused with a usage', async t => {
  for (const [line, words] of [
    ['-setfacl', /Missing arguments: <acl_spec> <path>/],
    ['-setfacl /x', /Missing arguments: <acl_spec> <path>/],
    ['-setfacl -b -k /x', /Specified flags contains both remove and modify flags/],
    ['-setfacl -b -m user:ada:r-- /x', /Specified flags contains both/],
    ['-setfacl -m user:ada:r--', /Missing either <acl_spec> or <path>/],
    ['-setfacl -b', /<path> is missing/],
    ['-setfacl -b /x /y', /Too many arguments/],
    ['-setfacl -m user:ada:zzz /x', /Invalid permission in <aclSpec> : user:ada:zzz/],
    ['-setfacl -m who:ada:r-- /x', /Invalid type of acl in <aclSpec> :who:ada:r--/],
    ['-setfacl -x user:ada:rwx /x', /Invalid <aclSpec> : user:ada:rwx/],
    ['-getfacl', /Not enough arguments/],
  ] as const) {
    const { code, err } = await fs(line)
    t.equal(code, 255, line)
    t.match(err, words, line)
    t.match(err, /Usage: hopbine fs -[gs]etfacl/, line)
  }
  await must(t, '-put - /file')
  t.match(await fs('-setfacl --set user:ada:rwx /file'), {
    code: 1,
    err: /owner, group and others are needed/,
  })
  t.match(await fs('-setfacl -m default:user:ada:rwx /file'), { code: 1, err: /only directories/ })
  t.match(await fs('-getfacl /no'), { code: 1, err: "getfacl: `/no': No such file or directory\n" })
})
