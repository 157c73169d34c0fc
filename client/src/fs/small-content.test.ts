import fc from 'fast-check'
import t from 'tap'
import { SmallContent } from './small-content.ts'

const action = fc.oneof(
  fc.record({ kind: fc.constant('write' as const), at: fc.nat(300), length: fc.nat(80) }),
  fc.record({ kind: fc.constant('resize' as const), at: fc.nat(300), length: fc.constant(0) }),
)

t.test('any sequence of writes and new sizes reads like the same on one buffer', async t => {
  const property = fc.property(fc.array(action, { maxLength: 40 }), actions => {
    const small = new SmallContent(Buffer.from('start'))
    const model = Buffer.alloc(1000)
    model.write('start')
    let length = 5
    for (const [step, next] of actions.entries()) {
      if (next.kind === 'write') {
        small.write(next.at, Buffer.alloc(next.length, step + 1))
        model.fill(step + 1, next.at, next.at + next.length)
        length = Math.max(length, next.at + next.length)
      } else {
        small.resize(next.at)
        model.fill(0, next.at)
        length = next.at
      }
    }
    return small.length === length && small.bytes.equals(model.subarray(0, length))
  })
  t.doesNotThrow(() => fc.assert(property, { numRuns: 300 }))
})

t.test('content is small up to 64 KiB', async t => {
  const small = new SmallContent(Buffer.alloc(0))
  t.ok(small.fits(65_536))
  t.notOk(small.fits(65_537))
  t.notOk(small.isDirty)
})
