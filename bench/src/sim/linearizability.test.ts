import t from 'tap'
import type { TreeAnswer, TreeCall } from './file-tree.ts'
import { History } from './history.ts'
import { checkHistory } from './linearizability.ts'

/** Process, call, begin, end and answer; without an end the call is undecided. */
type Row = readonly [number, TreeCall, number, number?, TreeAnswer?]

function verdictOf(rows: readonly Row[]): string {
  const history = new History()
  for (const [process, call, startMs, endMs, answer] of rows) {
    const invoked = history.invoke(process, call, startMs)
    if (endMs === undefined || answer === undefined) history.info(invoked, startMs + 1)
    else history.ok(invoked, answer, endMs)
  }
  return checkHistory(history.calls)
}

const mkdir = (path: string, inode: number): TreeCall => ({ f: 'mkdir', path, inode, timeMs: 0 })
const create = (path: string, inode: number): TreeCall => ({ f: 'create', path, inode, timeMs: 0 })
const list = (path: string): TreeCall => ({ f: 'list', path })
const rename = (path: string, to: string): TreeCall => ({ f: 'rename', path, to })

t.test('calls one after another are judged by what a file system answers', async t => {
  const made: Row = [0, mkdir('a', 1), 0, 1, 1]
  t.equal(verdictOf([made, [1, list(''), 2, 3, 'a=1@0']]), 'linearizable')
  t.equal(verdictOf([made, [1, list(''), 2, 3, '']]), 'not linearizable', 'a stale read')
  t.equal(verdictOf([made, [1, mkdir('a', 2), 2, 3, 2]]), 'not linearizable', 'made twice')
  t.equal(verdictOf([made, [1, mkdir('a', 2), 2, 3, 'ALREADY_EXISTS']]), 'linearizable')
})

t.test('calls at the same time may come in either order, but in one', async t => {
  const both: Row[] = [
    [0, create('x', 1), 0, 10, 1],
    [1, create('x', 2), 0, 10, 'ALREADY_EXISTS'],
  ]
  t.equal(verdictOf([...both, [2, list(''), 11, 12, 'x=1@0']]), 'linearizable')
  t.equal(verdictOf([...both, [2, list(''), 11, 12, 'x=2@0']]), 'not linearizable')
  const seen: Row[] = [
    [2, list(''), 1, 3, 'x=1@0'],
    [3, list(''), 4, 6, ''],
  ]
  t.equal(verdictOf([...both, ...seen]), 'not linearizable', 'what was seen does not vanish')
})

t.test('an undecided call may take effect late, or never, but not before it began', async t => {
  const undecided: Row = [0, create('x', 1), 5]
  t.equal(verdictOf([undecided, [1, list(''), 20, 21, '']]), 'linearizable')
  t.equal(verdictOf([undecided, [1, list(''), 20, 21, 'x=1@0']]), 'linearizable')
  const late: Row[] = [
    [1, list(''), 20, 21, ''],
    [1, list(''), 30, 31, 'x=1@0'],
  ]
  t.equal(verdictOf([undecided, ...late]), 'linearizable')
  t.equal(verdictOf([undecided, [1, list(''), 1, 2, 'x=1@0']]), 'not linearizable')
})

t.test('renames are seen whole', async t => {
  const before: Row[] = [
    [0, mkdir('a', 1), 0, 1, 1],
    [0, create('a/x', 2), 2, 3, 2],
    [0, rename('a/x', 'y'), 4, 9, 2],
  ]
  t.equal(
    verdictOf([...before, [1, list('a'), 5, 6, ''], [1, list(''), 7, 8, 'a=1@0 y=2@0']]),
    'linearizable',
  )
  t.equal(verdictOf([...before, [1, list('a'), 5, 6, ''], [1, list(''), 7, 8, 'a=1@0']]), 'not linearizable')
  t.equal(verdictOf([...before, [1, rename('a', 'a/z'), 10, 11, 'INTO_ITSELF']]), 'linearizable')
})

t.test('a hint that is wrong costs time and proves nothing', async t => {
  const history = new History()
  const first = history.invoke(0, create('x', 1), 0)
  const second = history.invoke(1, create('x', 2), 0)
  first.place = 2
  second.place = 1
  history.ok(first, 1, 5)
  history.ok(second, 'ALREADY_EXISTS', 5)
  t.equal(checkHistory(history.calls), 'linearizable')
})
