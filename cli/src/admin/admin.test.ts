import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import t from 'tap'
import { Installation, LAUNCHER, run } from '../testing/installation.ts'

const installation = new Installation()
t.teardown(() => installation.remove())
t.before(() => installation.up())

const admin = (...words: string[]): ReturnType<Installation['run']> => installation.run('admin', ...words)

t.test('status tells how the namenode and the datanodes are', async t => {
  const text = await admin('status')
  t.equal(text.code, 0)
  t.match(text.out, /^Cluster +\w+, shard 0, term \d+\nState +serves reads and writes\n/)
  t.match(text.out, /\nDatanode +Address +State .*\n\w+ +127\.0\.0\.1:\d+ +live /)
  const status = JSON.parse((await admin('status', '--json')).out)
  t.match(status, { readOnlyReason: '', datanodes: [{ blocks: 0 }] })
})

t.test('changes shows what was committed, in order', async t => {
  await installation.fs('-mkdir', '-p', '/changes/made')
  await installation.fs('-mv', '/changes/made', '/changes/moved')
  const events = (await admin('changes', '--json')).out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.strictSame(
    events.map(event => event.index),
    events.map(event => event.index).sort((a, b) => a - b),
  )
  t.match(events.at(-1), { what: 'rename', name: 'moved', oldName: 'made', user: String })
  const last = await admin('changes', '--from', String(events.at(-1).index))
  t.match(last.out, /^\d+\.\d+ \S+Z \S+ rename \d+\/moved \(inode \d+\) from \d+\/made\n$/)
  t.equal((await admin('changes', '--max', '2')).out.trim().split('\n').length, 2)
})

t.test('a backup is restored onto the stopped home, and onto an empty one', async t => {
  const folder = t.testdir()
  const file = join(folder, 'metadata.backup')
  await installation.fsWith({ input: 'kept' }, '-put', '-', '/kept')
  const backup = await admin('backup', file)
  t.equal(backup.code, 0)
  t.match(backup.out, /metadata\.backup: .+, as of index \d+\n$/)
  t.strictSame(readdirSync(folder), ['metadata.backup'], 'no other file is left')
  await installation.fs('-rm', '-skipTrash', '/kept')

  const running = await admin('restore', file)
  t.equal(running.code, 1)
  t.match(running.err, /Hopbine runs on .* \(process \d+\): stop it, then restore\n$/)
  await installation.down()
  const restored = await admin('restore', '--json', file)
  t.equal(restored.code, 0)
  t.match(JSON.parse(restored.out), { home: installation.home, files: Number, former: String })
  await installation.up()
  t.equal((await installation.fs('-cat', '/kept')).out, 'kept')

  const other = new Installation(join(folder, 'other'))
  t.teardown(() => other.down())
  t.equal((await other.run('admin', 'restore', file)).code, 0)
  await other.up()
  t.equal((await other.fs('-cat', '/kept')).out, 'kept')
})

t.test('a file that is no backup is refused', async t => {
  const folder = t.testdir({ 'no.backup': 'x' })
  const home = join(folder, 'home')
  t.match(await run(['admin', 'restore', '--home', home, join(folder, 'no.backup')]), {
    code: 1,
    err: /^hopbine admin restore: .*no\.backup cannot be restored: /,
  })
  t.match(await run(['admin', 'restore', '--home', home, join(folder, 'none')]), {
    code: 1,
    err: /cannot read the backup/,
  })
  t.notOk(existsSync(join(home, 'namenode/shard-0')))
})

t.test('doctor says what is wrong and what to do', async t => {
  const sound = await installation.run('doctor')
  t.equal(sound.code, 0, sound.out)
  t.match(sound.out, /ok {4}namenode: answers/)
  t.match(sound.out, /ok {4}up: runs as process \d+/)
  const findings = (await installation.run('doctor', '--json')).out
    .trim()
    .split('\n')
    .map(line => JSON.parse(line))
  t.ok(findings.every(({ level, subject, what }) => level && subject && what))
  const nothing = await run(['doctor', '--home', join(t.testdir(), 'none')])
  t.equal(nothing.code, 1)
  t.match(nothing.out, /FAIL {2}home: \S+ is not there\n {6}start an installation with `hopbine up`/)
})

t.test('output that cannot be written is told in a sentence', async t => {
  const command = `HOPBINE_HOME='${installation.home}' '${LAUNCHER}' admin status > /dev/full`
  const { status, stderr } = spawnSync('sh', ['-c', command], { encoding: 'utf8' })
  t.equal(status, 1)
  t.match(stderr, /^hopbine admin status: cannot write the output: no space left on the disk .*\n$/)
})

t.test('wrong command lines exit 2 and say what was meant', async t => {
  const cases: ReadonlyArray<readonly [words: string[], err: RegExp]> = [
    [[], /^hopbine: a command is missing/],
    [['statsu'], /^hopbine: there is no command "statsu"; hopbine --help lists them\n$/],
    [['admim'], /did you mean `hopbine admin`\?/],
    [['admin'], /^hopbine admin: a command is missing/],
    [['admin', 'statsu'], /there is no command "admin statsu"; did you mean `hopbine admin status`\?/],
    [['admin', 'backup'], /something is missing; usage: hopbine admin backup \[OPTIONS\] FILE/],
    [['up', 'now'], /"now" is too much; usage: hopbine up/],
    [['up', '--datanode', '2'], /unknown option --datanode, did you mean --datanodes\?/],
    [['datanode', '--namenode', 'here'], /--namenode must be HOST:PORT or a path, not "here"/],
  ]
  for (const [words, err] of cases) {
    const result = await run(words)
    t.equal(result.code, 2, words.join(' '))
    t.match(result.err, err, words.join(' '))
  }
  t.match((await run(['--version'])).out, /^hopbine \d+\.\d+\.\d+ \(Node\.js 24\./)
  t.match((await run(['--help'])).out, /^Usage: hopbine COMMAND/)
  t.match((await run(['help', 'up'])).out, /^Usage: hopbine up \[OPTIONS\]\n\nStarts everything/)
  t.match((await run(['admin', '--help'])).out, /^Usage: hopbine admin COMMAND/)
  t.match((await run(['admin', 'fsck', '--help'])).out, /^Usage: hopbine admin fsck \[OPTIONS\]/)
})
