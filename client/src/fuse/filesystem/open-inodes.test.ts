import { applyQueue, releaseDirectory } from '@hopbine/common/protocol/directory-leases.ts'
import { stat } from '@hopbine/common/protocol/metadata.ts'
import { declareOpenInodes } from '@hopbine/common/protocol/open-inodes.ts'
import type { BeforeCall } from '@hopbine/common/rpc/client.ts'
import t from 'tap'
import { OpenInodes } from './open-inodes.ts'

/** A session that remembers what was said. */
class Said {
  readonly said: unknown[] = []
  #before: BeforeCall | undefined

  beforeEach(before: BeforeCall): void {
    this.#before = before
  }

  async prepareEach(): Promise<void> {}

  /** As the open files say it themselves, or as somebody else who calls. */
  async call(method: { readonly id: number }, request: unknown): Promise<never> {
    this.#before?.(method.id, request)
    this.said.push(method.id === declareOpenInodes.id ? request : method.id)
    return {} as never
  }

  batch(...methods: number[]): Promise<never> {
    return this.call(applyQueue, { operations: methods.map(method => ({ method })) })
  }

  take(): unknown[] {
    return this.said.splice(0)
  }
}

t.test('what is open is said ahead of any call, but for batches that give no lease back', async t => {
  const said = new Said()
  const open = new OpenInodes(said as unknown as ConstructorParameters<typeof OpenInodes>[0])
  await open.start()
  t.teardown(() => open.stop())
  open.open(7)
  await said.batch(1, 2)
  t.same(said.take(), [applyQueue.id], 'nobody else reaches it')
  await said.batch(1, releaseDirectory.id)
  t.same(said.take(), [{ all: false, opened: [7], closed: [] }, applyQueue.id])
  open.open(8)
  await said.call(stat, {})
  t.same(said.take(), [{ all: false, opened: [8], closed: [] }, stat.id])
  open.close(7)
  open.close(8)
  await said.call(stat, {})
  t.same(said.take(), [{ all: false, opened: [], closed: [7, 8] }, stat.id])
})

t.test('a file that is made, saved and removed under leases is never told of', async t => {
  const said = new Said()
  const open = new OpenInodes(said as unknown as ConstructorParameters<typeof OpenInodes>[0])
  await open.start()
  t.teardown(() => open.stop())
  for (let id = 1; id < 100; id++) {
    open.open(id)
    await said.batch(1)
    open.close(id)
    await said.batch(2)
  }
  await said.call(stat, {})
  t.notOk(said.take().some(one => typeof one === 'object'))
})
