import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { layoutOf } from '../home/layout.ts'
import { figuresOf, PublishedMount, runningMounts, takeDeadSessions } from './mount-state.ts'

function newHome(): ReturnType<typeof layoutOf> {
  const home = mkdtempSync(join(tmpdir(), 'hopbine-ms-'))
  t.teardown(() => rmSync(home, { recursive: true, force: true }))
  return layoutOf(home)
}

t.test('a mount is listed and answers its figures while its daemon runs, to its owner only', async t => {
  const layout = newHome()
  t.same(runningMounts(layout), [])
  let calls = 0
  const about = { directory: '/mnt/b', path: '/data', readOnly: true, clientId: 'a' }
  const published = await PublishedMount.publish(layout, about, () => ({ calls: ++calls }))
  const [state] = runningMounts(layout)
  t.match(state, { ...about, process: { pid: process.pid } })
  if (state === undefined) return
  t.same(await figuresOf(state), { calls: 1 })
  t.same(await figuresOf(state), { calls: 2 })
  t.equal(statSync(state.socket).mode & 0o077, 0)
  published.withdraw()
  t.same(runningMounts(layout), [])
  t.notOk(existsSync(state.socket))
  t.equal(await figuresOf(state), undefined)
})

t.test('what a crashed daemon left is taken away by the next one, which learns its session', async t => {
  const layout = newHome()
  const about = { directory: '/mnt/a', path: '/', readOnly: false, clientId: 'b' }
  const published = await PublishedMount.publish(layout, about, () => ({}))
  t.teardown(() => published.withdraw())
  const name = readdirSync(layout.runFolder).find(file => file.endsWith('.json')) as string
  const file = join(layout.runFolder, name)
  const state = JSON.parse(readFileSync(file, 'utf8')) as { process: { started: string } }
  writeFileSync(file, JSON.stringify({ ...state, process: { ...state.process, started: 'long ago' } }))
  t.same(runningMounts(layout), [])
  t.same(takeDeadSessions(layout), ['b'])
  t.notOk(existsSync(file))
  t.same(takeDeadSessions(layout), [])
})
