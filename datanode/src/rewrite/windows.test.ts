import type { Extent } from '@hopbine/common/protocol/types.ts'
import t from 'tap'
import { isWorthwhile, nextWindow, type Window } from './windows.ts'

const KIB = 1024
const MIB = 1024 * KIB
const ROOM = 128 * MIB
const NONE: ReadonlySet<number> = new Set()

const pieces = (count: number, bytes: number, gap = 0, start = 0): Extent[] =>
  Array.from({ length: count }, (_, i) => ({
    offset: start + i * (bytes + gap),
    length: bytes,
    blockId: 1 + (i % 2),
    blockOffset: i * bytes,
  }))

t.test('windows follow one another, skip holes, and hold every byte once', async t => {
  const extents = [
    ...pieces(3000, 4 * KIB),
    ...pieces(1, 100 * MIB, 0, 500 * MIB),
    ...pieces(10, 5, 3, 900 * MIB),
  ]
  const found: Window[] = []
  for (let at = 0; ; ) {
    const window = nextWindow(extents, at, ROOM)
    if (window === undefined) break
    t.ok(window.start >= at && window.extents.length <= 1024 && window.end - window.start <= 32 * MIB)
    found.push(window)
    at = window.end
  }
  const bytes = found.flatMap(window => window.extents).reduce((sum, { length }) => sum + length, 0)
  t.equal(bytes, 3000 * 4 * KIB + 100 * MIB + 50)
  t.equal(found.length, 3 + 4 + 1, 'by count, by bytes, and the rest')
})

t.test('a window takes no more than there is room, and may begin within an extent', async t => {
  const extents = pieces(2, 10 * MIB)
  t.match(nextWindow(extents, 3 * MIB, MIB), {
    start: 3 * MIB,
    end: 4 * MIB,
    extents: [{ offset: 3 * MIB, length: MIB, blockId: 1, blockOffset: 3 * MIB }],
  })
  t.equal(nextWindow(extents, 20 * MIB, MIB), undefined)
  t.equal(nextWindow([], 0, MIB), undefined)
})

t.test('worth it are many pieces that can be joined, and blocks that shall be emptied', async t => {
  const window = (extents: Extent[]) => nextWindow(extents, 0, ROOM) as Window
  t.ok(isWorthwhile(window(pieces(100, 4 * KIB)), NONE))
  t.notOk(isWorthwhile(window(pieces(100, 64 * KIB)), NONE), 'few for their size')
  t.notOk(isWorthwhile(window(pieces(100, 4 * KIB, KIB)), NONE), 'islands stay islands')
  t.notOk(isWorthwhile(window(pieces(1, MIB)), new Set([2])))
  t.ok(isWorthwhile(window(pieces(1, MIB)), new Set([1])))
})
