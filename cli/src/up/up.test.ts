import { chmodSync, existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import t from 'tap'
import { Installation, isRunning, Running, run, until } from '../testing/installation.ts'
import { SupervisedRole } from './supervised-role.ts'

const installation = new Installation()
t.teardown(() => installation.remove())

function rolePids(): number[] {
  return installation.upFile()?.roles.map(role => role.pid) ?? []
}

t.test('up serves, says what to try, and describes itself in up.json', async t => {
  const up = await installation.up()
  const file = installation.upFile()
  t.equal(file?.pid, up.pid)
  t.strictSame(
    file?.roles.map(({ role }) => role),
    ['namenode', 'datanode-1'],
  )
  t.match(file?.rpc, { host: '127.0.0.1', port: Number })
  t.match(file?.metrics, /^http:\/\/127\.0\.0\.1:\d+\/metrics$/)
  const page = await fetch(file?.metrics ?? '')
  t.equal(page.status, 200)
  await until('the hints are there', () => up.err.includes('Try in another terminal'))
  t.match(up.err, `--home ${installation.home} -ls /data`)
  t.equal(statSync(join(installation.home, 'secrets')).mode & 0o777, 0o700)
  t.equal(statSync(join(installation.home, 'secrets/rpc.token')).mode & 0o777, 0o600)
  t.equal(statSync(join(installation.home, 'run')).mode & 0o777, 0o700)
  t.match((await installation.fs('-ls', '/')).out, /drwxrwxrwt .* \/tmp\n.* \/user\n$/)
})

t.test('a second up on the same home refuses with a sentence', async t => {
  const second = await installation.run('up')
  t.equal(second.code, 1)
  t.match(
    second.err,
    /^hopbine up: Hopbine already runs on \S+ \(process \d+\): use it, stop it with `kill \d+`/,
  )
  t.equal(second.err.trim().split('\n').length, 1)
  t.equal((await installation.fs('-ls', '/')).code, 0, 'and the first one goes on')
})

t.test('a role that dies is started again with its ports, and commands wait for it', async t => {
  const before = installation.upFile()
  for (const index of [1, 0]) {
    const role = installation.upFile()?.roles[index]
    process.kill(role?.pid as number, 'SIGKILL')
    const listing = await installation.fs('-ls', '/')
    t.equal(listing.code, 0, `${role?.role} is away`)
    await until(`${role?.role} is back`, () => !rolePids().includes(role?.pid as number))
  }
  t.strictSame(
    installation.upFile()?.roles.map(({ rpc }) => rpc),
    before?.roles.map(({ rpc }) => rpc),
  )
})

t.test('an up whose words nobody reads any more goes on', async t => {
  const other = new Installation(t.testdir())
  t.teardown(() => other.down())
  const up = await other.up()
  up.child.stderr?.destroy()
  const datanode = other.upFile()?.roles[1]?.pid as number
  process.kill(datanode, 'SIGKILL')
  await until('the datanode is back', () => other.upFile()?.roles[1]?.pid !== datanode)
  t.equal((await other.fs('-ls', '/')).code, 0)
})

t.test('SIGINT to the whole group stops in order within 5 s and leaves no trace', async t => {
  t.equal((await installation.fsWith({ input: 'kept' }, '-put', '-', '/kept')).code, 0)
  const pids = rolePids()
  const up = installation.upFile()?.pid as number
  const started = performance.now()
  // Ctrl-C in a terminal reaches up and its roles at the same time.
  for (const pid of [up, ...pids]) process.kill(pid, 'SIGINT')
  await until('up has ended', () => !isRunning(up))
  t.ok(performance.now() - started < 5_000)
  t.notOk(existsSync(join(installation.home, 'up.json')))
  t.notOk(existsSync(join(installation.home, 'up.lock')))
  t.notOk(pids.some(isRunning))
  const log = readFileSync(join(installation.home, 'logs/namenode.log'), 'utf8')
  t.notMatch(log, /"level":(50|60)/)
})

t.test('commands without an up say how to start one', async t => {
  const { code, err } = await installation.fs('-ls', '/')
  t.equal(code, 1)
  t.match(err, `No Hopbine is running at ${installation.home}; start one with`)
})

t.test('kill -9 of up ends its roles, and its stale lock does not keep the next one', async t => {
  const up = await installation.up()
  t.equal((await installation.fs('-cat', '/kept')).out, 'kept', 'what was there before is there')
  const before = installation.upFile()
  const pids = rolePids()
  up.child.kill('SIGKILL')
  await up.ended
  await until('the roles have ended', () => !pids.some(isRunning), 10_000)
  t.ok(existsSync(join(installation.home, 'up.lock')))
  await installation.up()
  t.equal((await installation.fs('-cat', '/kept')).out, 'kept')
  const addresses = (file: typeof before): unknown => file?.roles.map(({ rpc, metrics }) => [rpc, metrics])
  t.strictSame(addresses(installation.upFile()), addresses(before), 'everything is where it was')
})

t.test('a port that is taken meanwhile is not insisted on', async t => {
  const port = installation.upFile()?.roles[1]?.rpc.port
  await installation.down()
  const server = createServer()
  await new Promise<void>(resolve => server.listen(port, '127.0.0.1', resolve))
  writeFileSync(join(installation.home, 'up.json'), '{}')
  await installation.up()
  t.not(installation.upFile()?.roles[1]?.rpc.port, port)
  server.close()
  await installation.down()
  writeFileSync(join(installation.home, 'run/ports.json'), 'damaged')
  await installation.up()
  t.equal((await installation.fs('-cat', '/kept')).out, 'kept')
})

t.test('a second signal ends it at once', async t => {
  const up = installation.upFile()?.pid as number
  const pids = rolePids()
  process.kill(up, 'SIGTERM')
  process.kill(up, 'SIGTERM')
  await until('all have ended', () => ![up, ...pids].some(isRunning), 3_000)
  t.notOk(existsSync(join(installation.home, 'up.json')))
})

t.test('more datanodes may be added, none that holds data left out', async t => {
  const up = await installation.up(['--datanodes', '3', '--json'])
  t.equal(rolePids().length, 4)
  await installation.down()
  const printed = JSON.parse((await up.ended).out)
  t.equal(printed.pid, up.pid, '--json prints what up.json holds')
  const fewer = await installation.run('up', '--datanodes', '2')
  t.equal(fewer.code, 1)
  t.match(fewer.err, 'holds the data of 3 datanodes: start with --datanodes 3 or more')
})

t.test('a role that cannot start again ends up with its last sentence', async t => {
  const other = new Installation(t.testdir())
  t.teardown(() => other.down())
  const up = await other.up()
  writeFileSync(join(other.home, 'datanode-1/format.json'), '{"format": 99')
  const datanode = other.upFile()?.roles[1]?.pid as number
  process.kill(datanode, 'SIGKILL')
  const { code, err } = await up.ended
  t.equal(code, 1)
  const notices = err.match(/the datanode-1 cannot start: .*; it is started again in [\d.]+ s, its log is/g)
  t.equal(notices?.length, 4)
  t.match(
    err.trim().split('\n').at(-1),
    /^hopbine up: the datanode-1 cannot start: .*; read .*datanode-1\.log$/,
  )
  t.notOk(existsSync(join(other.home, 'up.json')))
  t.notOk(existsSync(join(other.home, 'up.lock')))
})

t.test('a port that is taken, a damaged setting or home: one sentence, exit code 1', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  const cases: ReadonlyArray<readonly [what: string, prepare: (home: string) => string[], sentence: RegExp]> =
    [
      [
        'port taken',
        () => ['--port', String(port)],
        /^hopbine up: the namenode cannot start: port \d+ of 127\.0\.0\.1 is taken: choose/,
      ],
      [
        'settings no JSON',
        home => write(home, 'config.json', '{"port": '),
        /config\.json is not valid JSON .* remove it/,
      ],
      [
        'unknown setting',
        home => write(home, 'config.json', '{"prot": 1}'),
        /unknown setting "prot": did you mean "port"/,
      ],
      [
        'newer format',
        home => write(home, 'format.json', '{"format": 99}'),
        /written by a newer Hopbine .*: upgrade/,
      ],
      ['damaged format', home => write(home, 'format.json', 'x'), /format\.json is damaged/],
      ['foreign folder', home => write(home, 'thesis.txt', 'x'), /holds other files \(thesis\.txt\)/],
      ['file as home', home => [`--home=${write(home, 'file', '', 'path')}`], /cannot create the folder/],
    ]
  for (const [what, prepare, sentence] of cases) {
    const home = t.testdir()
    const extra = prepare(home)
    const result = await run(['up', '--home', home, ...extra])
    t.match(result.err, sentence, what)
    t.notMatch(result.err, /\n {4}at /, `${what}: no stack trace`)
    t.ok(result.code === 1 || (what.includes('settings') && result.code === 1), `${what}: ${result.code}`)
  }
  server.close()
})

t.test('a damaged store is told in a sentence', async t => {
  const other = new Installation(t.testdir())
  await other.up()
  await other.down()
  const store = join(other.home, 'namenode/shard-0/store.db')
  const bytes = readFileSync(store)
  writeFileSync(store, bytes.fill(7, 0, 8192))
  const { code, err } = await other.run('up')
  t.equal(code, 1)
  t.match(err, /^hopbine up: the namenode cannot start: the store of the metadata is damaged: put a backup/)
  t.equal(err.trim().split('\n').length, 1)
})

t.test('a home that cannot be written to: one sentence', { skip: process.getuid?.() === 0 }, async t => {
  const home = t.testdir()
  chmodSync(home, 0o500)
  t.teardown(() => chmodSync(home, 0o700))
  const result = await run(['up', '--home', home])
  t.equal(result.code, 1)
  t.match(result.err, /make it writable, or choose another one with --home DIR/)
})

t.test('a home with a very long path has its socket elsewhere', async t => {
  const home = join(t.testdir(), 'x'.repeat(120))
  mkdirSync(home)
  const long = new Installation(home)
  t.teardown(() => long.down())
  await long.up()
  t.notMatch(long.upFile()?.socket, home)
  t.equal((await long.fs('-ls', '/')).code, 0)
})

t.test('logs are JSON, or text on request', async t => {
  const other = new Installation(t.testdir())
  t.teardown(() => other.down())
  const log = (role: string): string => readFileSync(join(other.home, `logs/${role}.log`), 'utf8')
  await other.up([], { env: { HOPBINE_LOG_LEVEL: 'debug' } })
  for (const line of log('namenode').trim().split('\n')) t.match(JSON.parse(line), { role: 'namenode' })
  await other.down()
  write(other.home, 'config.json', '{"log-format": "text"}')
  await other.up()
  for (const role of ['namenode', 'datanode']) {
    const lines = log(role === 'namenode' ? role : `${role}-1`)
    t.match(lines, new RegExp(`^\\d{4}-\\d\\d-\\d\\dT\\S+Z [A-Z]+ +${role}\\[\\d+\\] \\S+`))
    t.notMatch(lines, '{"level"')
  }
  const doctor = await other.run('doctor')
  t.match(doctor.out, /log: namenode\.log: no error in its last lines/)
})

t.test('roles start alone, and stop at a signal', async t => {
  // Deeper than the path of a socket may be.
  const folder = join(t.testdir(), 'x'.repeat(120))
  mkdirSync(folder)
  const namenode = new Running([
    ...['namenode', '--data-dir', join(folder, 'nn'), '--port', '0', '--metrics-port', '0'],
    ...['--log-level', 'warn'],
  ])
  await namenode.says('ready')
  const port = /127\.0\.0\.1:(\d+)/.exec(namenode.err)?.[1]
  const datanode = new Running([
    ...['datanode', '--data-dir', join(folder, 'dn'), '--port', '0', '--metrics-port', '0'],
    ...['--namenode', `127.0.0.1:${port}`, '--log-level', 'warn'],
  ])
  await datanode.says('ready')
  const second = await run([
    'namenode',
    '--data-dir',
    join(folder, 'nn'),
    '--port',
    '0',
    '--metrics-port',
    '0',
  ])
  t.equal(second.code, 1)
  t.match(second.err, /^hopbine namenode: another namenode uses/m)
  for (const role of [datanode, namenode]) {
    role.child.kill('SIGINT')
    t.equal((await role.ended).code, 0)
  }
})

t.test('a port of an earlier start that was taken a moment ago is given up', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  t.teardown(() => server.close())
  let { port } = server.address() as { port: number }
  const folder = t.testdir()
  const spec = {
    role: 'namenode',
    logFile: join(folder, 'log'),
    argv: () => ['namenode', '--data-dir', join(folder, 'nn'), '--port', String(port), '--metrics-port', '0'],
    forgetPorts: () => {
      const isFirst = port !== 0
      port = 0
      return isFirst
    },
  }
  const ignore = (): void => undefined
  const role = new SupervisedRole(spec, { onReady: ignore, onNotice: ignore, onGivenUp: ignore })
  t.equal(await role.start(), undefined)
  t.equal(port, 0)
  await role.stop()
})

/** Puts a file into a folder. Returns no further arguments, or the path where that is asked for. */
function write(home: string, name: string, text: string): string[]
function write(home: string, name: string, text: string, answer: 'path'): string
function write(home: string, name: string, text: string, answer?: 'path'): string | string[] {
  writeFileSync(join(home, name), text)
  return answer === 'path' ? join(home, name) : []
}
