/**
 * A datanode as a process of its own: `node main.ts '{"dataDir": …}'` with the configuration as JSON. It says
 * where it listens in one line of JSON on standard output, and stops at SIGTERM or SIGINT.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { type Datanode, type DatanodeConfig, startDatanode } from './server/datanode.ts'

async function main(): Promise<void> {
  const config = JSON.parse(process.argv[2] ?? '{}') as DatanodeConfig
  const datanode = await startDatanode(config)
  const { address, nodeId, metricsPort } = datanode
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => end(datanode))
  process.stdout.write(`${JSON.stringify({ address, nodeId, metricsPort })}\n`)
}

function end(datanode: Datanode): void {
  datanode.stop().then(() => process.exit(0), fail)
}

function fail(error: unknown): void {
  process.stderr.write(`datanode: ${isFsError(error) ? error.message : String(error)}\n`)
  process.exit(1)
}

main().catch(fail)
