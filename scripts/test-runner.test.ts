import { existsSync, readFileSync } from 'node:fs'
import t from 'tap'
import { type Result, runTestFile } from './test-runner/run-file.ts'
import { findTestFiles } from './test-runner/test-file.ts'

/** Runs `text` as the only test file of a tree. */
async function run(test: Pick<typeof t, 'testdir'>, text: string): Promise<Result> {
  const root = test.testdir({ common: { 'a.test.ts': text } })
  const [file] = findTestFiles(root)
  if (file === undefined) throw new Error('the file was not found')
  return runTestFile(root, file)
}

function titles(result: Result): string[] {
  return result.failures.map(failure => failure.title)
}

/** Whether the process exists and is more than an ended one that nobody has waited for. */
function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/stat`
  return existsSync(path) && !/\) Z /.test(readFileSync(path, 'utf8'))
}

t.test('counts the assertions of the innermost tests', async t => {
  const result = await run(
    t,
    `import t from 'tap'
    console.log('beside the tests')
    t.test('outer', async t => {
      t.ok(true, 'one')
      await t.test('inner', async t => {
        t.ok(true, 'two')
        t.equal(1, 2, 'three')
      })
    })
    t.test('elsewhere', { skip: 'no device' }, async t => t.fail('never'))`,
  )
  t.match(result, { passed: 2, failed: 1, skipped: 1 })
  t.same(titles(result), ['outer > inner > three'])
  t.match(result.failures[0]?.details, { diff: String })
  t.match(result.output, /beside the tests/)
})

t.test('a file that ends badly has failed, whatever passed before', async t => {
  const passing = `import t from 'tap'\nt.ok(true)\n`
  t.same(titles(await run(t, `${passing}process.exit(3)`)), ['exited with status 3'])
  t.same(titles(await run(t, `${passing}process.kill(process.pid, 'SIGKILL')`)), ['ended by SIGKILL'])
  t.same(titles(await run(t, 'const = 1')), ['exited with status 1'])
})

t.test('a file without a test has failed', async t => {
  t.same(titles(await run(t, "console.log('nothing here')")), ['printed no test'])
})

t.test('a file that runs too long is ended together with what it started', async t => {
  const result = await run(
    t,
    `// test-timeout-seconds: 1
    import { spawn } from 'node:child_process'
    console.log(spawn('sleep', ['60'], { stdio: 'inherit' }).pid)
    setInterval(() => null, 1000)`,
  )
  t.same(titles(result), ['ran longer than 1 s and was ended'])
  const pid = Number(result.output.trim())
  t.ok(pid > 1)
  t.notOk(isRunning(pid))
})

t.test('a file says in its head how long it takes and that it runs alone', async t => {
  const head = '/** What it is. */\n// test-alone: measures time\n// test-timeout-seconds: 900\n'
  const late = `${'\n'.repeat(10)}// test-alone\n`
  const files = { 'a.test.ts': '', 'b.test.ts': late, 'c.test.ts': head, 'd.ts': '' }
  const root = t.testdir({ bench: { src: files, node_modules: { 'e.test.ts': '' } } })
  t.same(findTestFiles(root), [
    { path: 'bench/src/c.test.ts', timeoutSeconds: 900, alone: true },
    { path: 'bench/src/a.test.ts', timeoutSeconds: 300, alone: false },
    { path: 'bench/src/b.test.ts', timeoutSeconds: 300, alone: false },
  ])
})
