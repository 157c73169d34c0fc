import t from 'tap'
import { GROUPS, groupOf, orderOf } from './placement.ts'

const nodes = (count: number) => Array.from({ length: count }, (_, i) => ({ nodeId: `node-${i}` }))
const names = (group: number, count: number) => orderOf(group, nodes(count)).map(node => node.nodeId)

t.test('groups and orders never change: they are part of the format of datanode folders', async t => {
  t.equal(GROUPS, 256)
  const ids = [1, 1024, 1025, 2 ** 32, 2 ** 41 + 5, Number.MAX_SAFE_INTEGER]
  t.same(ids.map(groupOf), [72, 46, 90, 137, 177, 86])
  const four = ['a', 'b', 'c', 'd'].map(nodeId => ({ nodeId }))
  const order = (group: number): string => orderOf(group, four).reduce((all, node) => all + node.nodeId, '')
  t.same([order(7), order(200)], ['cadb', 'abcd'])
})

t.test('blocks spread evenly over groups and groups over nodes', async t => {
  const groups = new Array<number>(GROUPS).fill(0)
  for (let id = 1024; id < 1024 + 256_000; id++) groups[groupOf(id)] = (groups[groupOf(id)] ?? 0) + 1
  t.ok(
    Math.min(...groups) > 850 && Math.max(...groups) < 1150,
    `${Math.min(...groups)} ${Math.max(...groups)}`,
  )
  const firsts = new Map<string, number>()
  for (let group = 0; group < GROUPS; group++) {
    const first = names(group, 8)[0] as string
    firsts.set(first, (firsts.get(first) ?? 0) + 1)
  }
  t.equal(firsts.size, 8)
  t.ok(Math.max(...firsts.values()) < 60, `${[...firsts.values()]}`)
})

t.test('the order does not depend on the order in which nodes are told', async t => {
  for (let group = 0; group < GROUPS; group++) {
    t.strictSame(
      orderOf(group, nodes(9).reverse()).map(node => node.nodeId),
      names(group, 9),
    )
  }
})

t.test('a node that comes or goes moves only its own share', async t => {
  let moved = 0
  for (let group = 0; group < GROUPS; group++) {
    const [before, after] = [names(group, 10), names(group, 11)]
    t.strictSame(
      after.filter(name => name !== 'node-10'),
      before,
      'the others keep their order',
    )
    if (after.slice(0, 3).includes('node-10')) moved += 1
  }
  // Three of eleven places.
  t.ok(moved > 40 && moved < 100, `${moved} of 256 groups changed a member`)
})
