import t from 'tap'
import { BlockCluster } from '../blocks/block-cluster.ts'
import { OpenBlock } from './open-block.ts'

t.test('a sync without new bytes asks no datanode', async t => {
  const cluster = await BlockCluster.start(t)
  const block = await OpenBlock.open(cluster.pool, cluster.locate(1), new AbortController().signal)
  await block.sync()
  await block.write({ offset: 0, bytes: Buffer.from('content') })
  await block.sync()
  t.notOk(block.isUnsynced)
  const { pid } = cluster.datanode()
  process.kill(pid, 'SIGSTOP')
  try {
    await block.sync()
    t.pass('it was not waited for')
  } finally {
    process.kill(pid, 'SIGCONT')
  }
  await block.write({ offset: 7, bytes: Buffer.from(' and more') })
  await block.sync()
  t.equal(block.acknowledged, 16)
  t.notOk(block.isUnsynced)
  await block.seal()
  await block.close()
})
