import type { BeforeCall } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { OpenDeclarations } from './open-declarations.ts'

const PRIVATE = 1
const PUBLIC = 2

interface Said {
  readonly opened: number[]
  readonly closed: number[]
}

function fixture(isOpen: boolean): { opens: OpenDeclarations; said: Said[]; call(method: number): void } {
  const said: Said[] = []
  let before: BeforeCall | undefined
  const caller = {
    isOpen,
    call: async (_method: unknown, request: Said) => {
      said.push(request)
      return { shared: request.opened.filter(id => id >= 100) }
    },
  }
  const opens = new OpenDeclarations({
    caller: caller as unknown as ConstructorParameters<typeof OpenDeclarations>[0]['caller'],
    rpc: {
      beforeEach: work => {
        before = work
      },
    },
    isPrivate: methodId => methodId === PRIVATE,
  })
  return { opens, said, call: method => before?.(method, {}) }
}

t.test('of a file made under a lease nothing is said before the lease goes', async t => {
  const { opens, said, call } = fixture(true)
  t.equal(await opens.openNew(100), false)
  t.equal(await opens.open(100), false, 'a second handle asks nothing')
  call(PRIVATE)
  t.same(said, [])
  t.same(opens.inodes, [100], 'a new connection hears of it')
  call(PUBLIC)
  t.same(said.splice(0), [{ opened: [100], closed: [] }], 'in the turn of the call')
  call(PUBLIC)
  t.same(said, [])
  opens.close(100)
  opens.close(100)
  await new Promise(setImmediate)
  t.same(said, [{ opened: [], closed: [100] }])
})

t.test('one that is closed before is never told of, and one that others may have is asked for', async t => {
  const { opens, said, call } = fixture(true)
  await opens.openNew(5)
  opens.close(5)
  call(PUBLIC)
  await new Promise(setImmediate)
  t.same(said, [])
  t.equal(await opens.open(100), true)
  t.equal(await opens.open(6), false)
})

t.test('while the session of locks is not open, it is opened by asking', async t => {
  const { opens, said } = fixture(false)
  await opens.openNew(5)
  t.same(said, [{ opened: [5], closed: [] }])
})
