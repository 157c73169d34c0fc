/** A file being written and read while the servers of its cluster are stopped and started again. */
import fc from 'fast-check'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'
import { FileModel, fileSteps, takeStep } from './file-model.ts'

const MIB = 1024 * 1024
const DATANODES = 3
/** The long run is `HOPBINE_RUNS=500 TAP_TIMEOUT=0`. */
const RUNS = Number(process.env.HOPBINE_RUNS ?? 12)

const cluster = await bootInProcess({ datanodes: DATANODES, logLevel: 'error' })
t.teardown(() => cluster.stop())

/** A number is a datanode. */
type Server = number | 'namenode'

/** Which server to restart, and during which step. */
const restart = fc.record({
  server: fc.oneof(fc.nat(DATANODES - 1), fc.constant('namenode' as const)),
  turn: fc.nat(20),
})

async function restartAll(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    if (server === 'namenode') await cluster.restartNamenode()
    else {
      await cluster.stopDatanode(server)
      await cluster.startDatanode(server)
    }
  }
}

t.test('no restart of a server changes what a handle reads or what stays', async t => {
  const fs = await cluster.connect()
  let run = 0
  const restarts = fc.array(restart, { minLength: 1, maxLength: 3 })
  const property = fc.asyncProperty(fileSteps(20), restarts, async (steps, planned) => {
    run += 1
    const path = `/restarts-${run}`
    const model = new FileModel()
    let file = await fs.openFile(path, { create: true, blockSize: MIB, replication: 2 })
    for (const [turn, next] of steps.entries()) {
      const due = planned.filter(each => each.turn === turn)
      const [after] = await Promise.all([
        takeStep(fs, file, model, next, turn),
        restartAll(due.map(({ server }) => server)),
      ])
      file = after
    }
    await file.close()
    const reader = await cluster.connect()
    const found = await reader.readFile(path)
    reader.close()
    if (!found.equals(model.content)) throw new Error('another session reads something else')
    await fs.delete(path)
  })
  await t.resolves(fc.assert(property, { numRuns: RUNS, endOnFailure: true }))
})
