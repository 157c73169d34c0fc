import { readSmallFiles } from '@hopbine/common/protocol/directory-leases.ts'
import t from 'tap'
import type { TestSession } from '../testing/test-session.ts'
import { openShard } from '../testing/test-shard.ts'

function ask(session: TestSession, inodeId: number, bytes: number): string[] {
  const { files } = session.read(readSmallFiles, { inodeId, bytes })
  return files.map(file => `${file.inodeId} ${Buffer.from(file.inline)}`)
}

t.test('answers what a small file and those behind it hold, in order of names', async t => {
  const { shard, operator } = openShard()
  operator.mkdir('/d')
  const ids = new Map<string, number>()
  for (const name of ['b', 'a', 'empty', 'c']) {
    ids.set(name, operator.create(`/d/${name}`, { content: name === 'empty' ? '' : name.repeat(10) }).id)
  }
  const sub = operator.mkdir('/d/sub').id
  operator.symlink('/d/link', 'a')
  operator.create('/far', { content: 'x' })
  const id = (name: string): number => ids.get(name) as number
  const told = (...names: string[]): string[] => names.map(name => `${id(name)} ${name.repeat(10)}`)
  t.same(ask(operator, id('a'), 1000), told('a', 'b', 'c'))
  t.same(ask(operator, id('b'), 1000), told('b', 'c'))
  t.same(ask(operator, id('empty'), 1000), [])
  t.same(ask(operator, id('a'), 11), told('a', 'b'), 'a file is told whole')
  t.same(ask(operator, id('a'), 0), [])
  t.same(ask(operator, sub, 1000), [])
  t.throws(() => ask(operator, 999_999, 9), { code: 'NOT_FOUND' })
  t.throws(() => ask(shard.as('ada'), id('a'), 9), { code: 'NOT_PERMITTED' })
  shard.verify()
})
