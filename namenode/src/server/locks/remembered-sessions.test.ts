import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { RememberedSessions } from './remembered-sessions.ts'

t.test('sessions are remembered by the next namenode until they end', async t => {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-remembered-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  const fail = (error: Error): void => {
    throw error
  }
  const first = new RememberedSessions(folder, fail)
  t.same([...first.all], [])
  for (const id of ['a', 'b', 'a', 'c']) first.add(id)
  first.delete('b')
  first.delete('none')
  t.same([...new RememberedSessions(folder, fail).all], ['a', 'c'])
})

t.test('a disk that takes nothing is told once, and caught up with later', async t => {
  const folder = join(mkdtempSync(join(tmpdir(), 'hopbine-remembered-')), 'missing')
  t.teardown(() => rmSync(join(folder, '..'), { recursive: true, force: true }))
  const told: string[] = []
  const note = (error: Error): void => {
    told.push(error.message)
  }
  const sessions = new RememberedSessions(folder, note)
  sessions.add('a')
  sessions.add('b')
  sessions.catchUp()
  t.equal(told.length, 1)
  mkdirSync(folder)
  sessions.catchUp()
  t.same([...new RememberedSessions(folder, note).all], ['a', 'b'])
})
