import t, { type Test } from 'tap'
import { Installation } from '../testing/installation.ts'

const installation = new Installation()
t.teardown(() => installation.remove())
t.before(() => installation.up())

/** Runs a command line of `hopbine fs`; words are cut at spaces. */
function fs(line: string, input?: string): ReturnType<Installation['fs']> {
  const words = line.split(' ').filter(Boolean)
  return installation.fsWith(input === undefined ? {} : { input }, ...words)
}

/** Runs command lines that must succeed without a word on standard error. */
async function must(test: Test, ...lines: string[]): Promise<void> {
  for (const line of lines) {
    const { code, err } = await fs(line, '')
    test.strictSame({ code, err }, { code: 0, err: '' }, line)
  }
}

type Case = readonly [line: string, code: number, out: string | RegExp, err: string | RegExp]

async function check(test: Test, cases: readonly Case[]): Promise<void> {
  for (const [line, code, out, err] of cases) {
    const result = await fs(line)
    test.equal(result.code, code, `${line}: exit code`)
    test.match(
      result.out,
      typeof out === 'string' ? new RegExp(`^${RegExp.escape(out)}$`) : out,
      `${line}: output`,
    )
    test.match(
      result.err,
      typeof err === 'string' ? new RegExp(`^${RegExp.escape(err)}$`) : err,
      `${line}: words`,
    )
  }
}

const missing = (name: string, path: string): string => `${name}: \`${path}': No such file or directory\n`

t.test('the command line itself', async t => {
  await check(t, [
    ['', 255, '', /^Usage: hopbine fs .*\n\t\[-ls /],
    ['-help', 0, /\t\[-ls \[-C\]/, ''],
    ['-help ls', 0, /^-ls \[-C\].* :\n {2}Lists .*\n\n {2}-C +Show paths only\./, ''],
    ['-usage ls', 0, /^Usage: .*\n\t\[-ls /, ''],
    ['-ls --help', 0, /^-ls /, ''],
    ['-help nope', 255, '', '-help: nope: Unknown command\n'],
    ['-nope', 255, '', /^-nope: Unknown command\n/],
    ['-chmdo', 255, '', '-chmdo: Unknown command\nDid you mean -chmod?\n'],
    ['ls', 255, '', 'ls: Unknown command\nDid you mean -ls?  This command begins with a dash.\n'],
    ['-ls -Z /', 255, '', /^-ls: Illegal option -Z\nUsage: hopbine fs -ls \[-C\]/],
    ['-mkdir', 255, '', /^-mkdir: Not enough arguments: expected 1 but got 0\nUsage: /],
    ['-head /a /b', 255, '', /^-head: Too many arguments: expected 1 but got 2\nUsage: /],
  ])
})

t.test('mkdir and ls', async t => {
  await must(t, '-mkdir /m', '-mkdir -p /m/a/b', '-mkdir -p /m/a/b', '-put - /m/file', '-mkdir mine')
  await check(t, [
    ['-mkdir /m', 1, '', "mkdir: `/m': File exists\n"],
    ['-mkdir -p /m/file', 1, '', "mkdir: `/m/file': Is not a directory\n"],
    ['-mkdir /no/such', 1, '', missing('mkdir', '/no')],
    ['-ls /no', 1, '', missing('ls', '/no')],
    ['-ls /no*', 1, '', missing('ls', '/no*')],
    [
      '-ls /m',
      0,
      /^Found 2 items\ndrwxr-xr-x +- \S+ \S+ +0 \d{4}-\d\d-\d\d \d\d:\d\d \/m\/a\n-rw-r--r-- +1 /,
      '',
    ],
    ['-ls -d /m', 0, /^drwxr-xr-x .* \/m\n$/, ''],
    ['-ls -C /m', 0, '/m/a\n/m/file\n', ''],
    ['-ls -C -r /m', 0, '/m/file\n/m/a\n', ''],
    ['-ls -R -C /m', 0, '/m/a\n/m/a/b\n/m/file\n', ''],
    ['-ls -C /m/*', 0, '/m/a/b\n/m/file\n', ''],
    ['-ls -C', 0, 'mine\n', ''],
    ['-ls /m /no', 1, /^Found 2 items/, missing('ls', '/no')],
    ['-ls /m/file/x', 1, '', missing('ls', '/m/file/x')],
  ])
  const listed = await fs('-ls --json /m')
  const entries = listed.out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.match(entries, [
    { path: '/m/a', type: 'directory', children: 1, permission: '755' },
    { path: '/m/file', type: 'file', size: 0, permission: '644' },
  ])
})

t.test('ls sorts by time and size, and pages through large directories', async t => {
  await must(t, '-mkdir /sorted')
  for (const [name, size] of [
    ['b', 10],
    ['c', 2000],
    ['a', 1536],
  ] as const) {
    await fs(`-put - /sorted/${name}`, 'x'.repeat(size))
  }
  await check(t, [
    ['-ls -S -C /sorted', 0, '/sorted/c\n/sorted/a\n/sorted/b\n', ''],
    ['-ls -t -C /sorted', 0, '/sorted/a\n/sorted/c\n/sorted/b\n', ''],
    ['-ls -t -r -C /sorted', 0, '/sorted/b\n/sorted/c\n/sorted/a\n', ''],
    ['-ls -h /sorted/a', 0, / 1\.5 K /, ''],
  ])
})

t.test('rm moves to the trash, rmdir and expunge', async t => {
  await must(t, '-mkdir -p /r/full/deep', '-put - /r/full/file', '-put - /r/file', '-mkdir /r/empty')
  const home = (await fs('-ls -d --json .')).out
  const trash = `${JSON.parse(home).path}/.Trash/Current`
  await check(t, [
    ['-rm /r/no', 1, '', missing('rm', '/r/no')],
    ['-rm -f /r/no', 0, '', ''],
    ['-rm /r/full', 1, '', "rm: `/r/full': Is a directory\n"],
    ['-rm /r/file', 0, '', `Moved: '/r/file' to trash at: ${trash}/r/file\n`],
    ['-rmdir /r/full', 1, '', "rmdir: `/r/full': Directory is not empty\n"],
    ['-rmdir --ignore-fail-on-non-empty /r/full', 0, '', ''],
    ['-rmdir /r/empty', 0, '', ''],
    ['-rm -r /r/full', 0, '', /^Moved: '\/r\/full' to trash at: /],
    ['-test -e /r/full', 1, '', ''],
    [`-test -f ${trash}/r/full/file`, 0, '', ''],
    ['-rm -r -skipTrash /r', 0, 'Deleted /r\n', ''],
    ['-rm -r /user', 1, '', /^rm: Cannot move "\/user" to the trash, as it contains the trash\n$/],
    [`-rm -r ${trash}/r/full`, 0, `Deleted ${trash}/r/full\n`, ''],
    ['-expunge', 0, '', /^Created trash checkpoint: \S+\/\.Trash\/\d{12}\n$/],
    ['-expunge', 0, '', ''],
    ['-expunge -immediate', 0, '', /^Deleted trash checkpoint: /],
    ['-ls -C .Trash', 0, '', ''],
  ])
})

t.test('what is removed twice under one name is twice in the trash', async t => {
  await must(t, '-mkdir -p /twice/x')
  for (let round = 0; round < 2; round++) {
    await fs('-put - /twice/file', String(round))
    t.equal((await fs('-rm /twice/file')).code, 0)
  }
  t.equal((await fs('-rm -r /twice/x')).code, 0)
  // Now a file lies where the trash needs a directory.
  await must(t, '-put - /twice/x', '-rm -skipTrash /twice/x'.replace(' /', ' -f /'))
  const { out } = await fs('-ls -R -C .Trash/Current/twice')
  t.match(out, /Current\/twice\/file\n.*Current\/twice\/file\d{13}\n/)
})

t.test('mv', async t => {
  await must(t, '-mkdir -p /v/dir /v/other', '-put - /v/a', '-put - /v/b')
  await check(t, [
    ['-mv /v/no /v/x', 1, '', missing('mv', '/v/no')],
    ['-mv /v/a /v/b', 1, '', "mv: `/v/b': File exists\n"],
    ['-mv /v/a /no/where', 1, '', missing('mv', '/no/where')],
    ['-mv /v/a /v/b /v/no', 1, '', missing('mv', '/v/no')],
    ['-mv /v/a /v/dir /v/b', 1, '', "mv: `/v/b': Is not a directory\n"],
    [
      '-mv /v/dir /v/dir/sub',
      1,
      '',
      missing('mv', '/v/dir/sub').replace(/.*/, "mv: `/v/dir' to `/v/dir/sub': is a subdirectory of itself"),
    ],
    ['-mv /v/a /v/a', 1, '', "mv: `/v/a': File exists\n"],
    ['-mv /v/a /v/c', 0, '', ''],
    ['-mv /v/{b,c} /v/dir', 0, '', ''],
    ['-mv /v/dir /v/other', 0, '', ''],
    ['-ls -R -C /v', 0, '/v/other\n/v/other/dir\n/v/other/dir/b\n/v/other/dir/c\n', ''],
  ])
})

t.test('du, count, df and quotas', async t => {
  await must(t, '-mkdir -p /q/sub')
  await fs('-put - /q/sub/k', 'x'.repeat(1536))
  await fs('-put - /q/one', 'x')
  await check(t, [
    ['-du /q', 0, '1     1     /q/one\n1536  1536  /q/sub\n', ''],
    ['-du -s /q', 0, '1537  1537  /q\n', ''],
    ['-du -s -h /q/sub', 0, '1.5 K  1.5 K  /q/sub\n', ''],
    ['-du /no', 1, '', missing('du', '/no')],
    ['-count /q', 0, '           2            2               1537 /q\n', ''],
    ['-setQuota 5 /q', 0, '', ''],
    ['-setSpaceQuota 2k /q', 0, '', ''],
    ['-count -q -h /q', 0, / {11}5 {15}1 {13}2 K {13}511 {12}2 {12}2 {14}1\.5 K \/q\n$/, ''],
    ['-put /etc/hostname /q/sub/h', 0, '', ''],
    ['-touchz /q/too-many', 1, '', /^touchz: .*quota/i],
    ['-clrQuota /q', 0, '', ''],
    ['-clrSpaceQuota /q', 0, '', ''],
    ['-touchz /q/too-many', 0, '', ''],
    ['-count -u /q', 0, '        none             inf            none             inf /q\n', ''],
    ['-setQuota x /q', 255, '', /^-setQuota: Invalid values for quota: x\n/],
    ['-setSpaceQuota 1y /q', 255, '', /^-setSpaceQuota: "1y" is not a valid value for a quota\.\n/],
    ['-setQuota 5 /q/one', 1, '', "setQuota: `/q/one': Is not a directory\n"],
    ['-df -h /', 0, /^Filesystem +Size +Used +Available +Use%\n\/ +[\d.]+ [GT] /, ''],
    ['-df /no', 1, '', missing('df', '/no')],
  ])
  const counted = JSON.parse((await fs('-count --json /q')).out)
  t.match(counted, { path: '/q', directories: 2, files: 4, nameQuota: null })
})

t.test('stat and test', async t => {
  await must(t, '-mkdir /s')
  await fs('-put - /s/f', 'hello')
  await must(t, '-touchz /s/z', '-ln -s /s/f /s/link')
  await check(t, [
    ['-stat %n:%b:%F:%a:%A:%r /s/f', 0, 'f:5:regular file:644:rw-r--r--:1\n', ''],
    ['-stat %F /s /s/link', 0, 'directory\nsymbolic link\n', ''],
    ['-stat /s/f', 0, /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\n$/, ''],
    ['-stat %Y%% /s/f', 0, /^\d{13}%\n$/, ''],
    ['-stat %n', 255, '', /^-stat: Not enough arguments/],
    ['-stat %n /no', 1, '', missing('stat', '/no')],
    ['-test -e /s/f', 0, '', ''],
    ['-test -e /s/no', 1, '', ''],
    ['-test -d /s', 0, '', ''],
    ['-test -d /s/f', 1, '', ''],
    ['-test -f /s/f', 0, '', ''],
    ['-test -s /s/f', 0, '', ''],
    ['-test -s /s/z', 1, '', ''],
    ['-test -z /s/z', 0, '', ''],
    ['-test -r /s/f', 0, '', ''],
    ['-test -w /s/f', 0, '', ''],
    ['-test /s', 255, '', /^-test: No test flag given\n/],
    ['-test -e -d /s', 255, '', /^-test: Only one test flag is allowed\n/],
  ])
})

t.test('chmod, chown and chgrp', async t => {
  await must(t, '-mkdir -p /c/sub', '-put - /c/sub/f')
  await must(t, '-chmod 700 /c', '-chmod -R g+w,o= /c/sub', '-chown -R ann:staff /c/sub', '-chgrp users /c')
  await check(t, [
    ['-stat %a%u%g /c/sub', 0, '770annstaff\n', ''],
    ['-stat %a%u%g /c/sub/f', 0, '660annstaff\n', ''],
    ['-stat %a%g /c', 0, '700users\n', ''],
    ['-chmod 999 /c', 255, '', /^-chmod: chmod : mode '999' does not match the expected pattern\.\nUsage: /],
    ['-chmod 700 /no', 1, '', missing('chmod', '/no')],
    ['-chown a/b /c', 255, '', /^-chown: 'a\/b' does not match expected pattern for \[owner\]\[:group\]\.\n/],
    ['-chown : /c', 255, '', /does not specify owner or group/],
    ['-chown :nobody /c/sub', 0, '', ''],
    ['-stat %u%g /c/sub', 0, 'annnobody\n', ''],
  ])
})

t.test('another user is told what is denied', async t => {
  await must(t, '-mkdir /private', '-chmod 700 /private', '-put - /private/f')
  await check(t, [
    ['--user bob -cat /private/f', 1, '', /^cat: Permission denied/i],
    ['--user bob -rm /private/f', 1, '', /^rm: .*Permission denied/i],
    ['--user bob -put /etc/hostname /x', 1, '', /^put: .*Permission denied/i],
    ['--user bob -chmod 777 /private', 1, '', /^chmod: /],
    ['--user bob -test -r /private', 1, '', ''],
    ['--user bob -touchz /tmp/bob', 0, '', ''],
    ['-stat %u:%g /tmp/bob', 0, /^bob:/, ''],
  ])
})

t.test('touchz, touch, truncate, setrep and sync', async t => {
  await must(t, '-mkdir /t', '-touchz /t/z', '-touchz /t/z')
  await fs('-put - /t/f', 'hello')
  await check(t, [
    ['-touchz /t/f', 1, '', "touchz: `/t/f': Not a zero-length file\n"],
    ['-touchz /t', 1, '', "touchz: `/t': Is a directory\n"],
    ['-touchz /no/x', 1, '', missing('touchz', '/no/x')],
    ['-touch -t 20200102:030405 /t/f', 0, '', ''],
    ['-ls /t/f', 0, / 2020-01-02 03:04 \/t\/f\n$/, ''],
    ['-touch -c /t/none', 0, '', ''],
    ['-test -e /t/none', 1, '', ''],
    ['-touch -t noon /t/f', 255, '', /^-touch: Unable to parse the specified timestamp "noon"\n/],
    ['-truncate 2 /t/f', 0, 'Truncated /t/f to length: 2\n', ''],
    ['-cat /t/f', 0, 'he', ''],
    [
      '-truncate 9 /t/f',
      1,
      '',
      'truncate: Cannot truncate to a larger file size. Current size: 2, truncate size: 9\n',
    ],
    ['-truncate x /t/f', 255, '', /^-truncate: Illegal length/],
    ['-truncate 0 /t', 1, '', "truncate: `/t': Is a directory\n"],
    ['-setrep 2 /t/f', 0, 'Replication 2 set: /t/f\n', ''],
    ['-stat %r /t/f', 0, '2\n', ''],
    ['-setrep 3 /t', 0, 'Replication 3 set: /t/f\nReplication 3 set: /t/z\n', ''],
    ['-setrep 0 /t/f', 255, '', /^-setrep: Illegal replication, a positive integer expected\n/],
    ['-sync', 0, '', ''],
  ])
})

t.test('ln and find', async t => {
  await must(
    t,
    '-mkdir -p /f/Data/deep',
    '-put - /f/a.csv',
    '-put - /f/Data/B.CSV',
    '-put - /f/Data/deep/c.txt',
  )
  await check(t, [
    ['-ln -s a.csv /f/link', 0, '', ''],
    ['-ln -s other /f/link', 1, '', "ln: `/f/link': File exists\n"],
    ['-ln -s -f Data /f/link', 0, '', ''],
    ['-ls -C /f/link', 0, '/f/link/B.CSV\n/f/link/deep\n', ''],
    ['-ln /f/a.csv /f/hard', 255, '', /^-ln: hard links are not supported/],
    ['-find /f', 0, '/f\n/f/Data\n/f/Data/B.CSV\n/f/Data/deep\n/f/Data/deep/c.txt\n/f/a.csv\n/f/link\n', ''],
    ['-find /f -name *.csv', 0, '/f/a.csv\n', ''],
    ['-find /f -iname *.csv', 0, '/f/Data/B.CSV\n/f/a.csv\n', ''],
    ['-find /f -name *.{csv,txt} -print', 0, '/f/Data/deep/c.txt\n/f/a.csv\n', ''],
    ['-find /f -type l -print0', 0, '/f/link\0', ''],
    ['-find /f -type d -name d* -a', 0, '/f/Data/deep\n', ''],
    ['-find /no', 1, '', missing('find', '/no')],
    ['-find / -size 3', 255, '', /^-find: Unexpected argument: -size\n/],
  ])
})
