/**
 * `hopbine admin status`: the namenode and its datanodes at a glance. Exit code 1 where something needs a
 * hand.
 */
import { status as statusMethod } from '@hopbine/common/protocol/cluster.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import { EXIT } from '../exit.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { humanSize } from '../output/sizes.ts'
import { durationText } from '../output/spans.ts'
import { tableLines } from '../output/table.ts'
import { withFileSystem } from './connection.ts'

export type ClusterStatus = ResponseOf<typeof statusMethod>
export type DatanodeReport = ClusterStatus['datanodes'][number]

/** A datanode silent for longer counts as away, in milliseconds. */
const AWAY_MS = 15_000

export const command = defineCommand({
  name: 'admin status',
  sentence: 'Shows how the namenode and the datanodes are.',
  usage: '',
  words: [0, 0],
  options: [homeOption, jsonOption],
  notes: ['Exit code 1 where writes are refused or a datanode is away, full or holds bad blocks.'],
  async run({ values }) {
    const status = await withFileSystem(values.home, fs => fs.call(statusMethod, {}))
    const out = new Printer()
    if (values.json) await out.json(status)
    else for (const line of statusLines(status)) await out.line(line)
    await out.flush()
    const areSound = status.datanodes.every(node => ['live', 'awaited'].includes(stateOf(node, status)))
    return areSound && status.readOnlyReason === '' ? EXIT.ok : EXIT.failure
  },
})

/** A word about a datanode. A namenode that was just started has not heard of every one yet. */
export function stateOf(
  node: DatanodeReport,
  { uptimeMs }: ClusterStatus,
): 'live' | 'awaited' | 'away' | 'full' | 'bad blocks' {
  if (node.silentMs < 0) return uptimeMs < AWAY_MS ? 'awaited' : 'away'
  if (node.silentMs > AWAY_MS) return 'away'
  if (node.badBlocks > 0) return 'bad blocks'
  return node.full ? 'full' : 'live'
}

export function statusLines(status: ClusterStatus): string[] {
  const state =
    status.readOnlyReason === '' ? 'serves reads and writes' : `reads only: ${status.readOnlyReason}`
  const cpuSeconds = (status.cpuMicros / 1e6).toFixed(1)
  const facts: Array<[string, string]> = [
    ['Cluster', `${status.clusterId}, shard ${status.shard}, term ${status.term}`],
    ['State', state],
    ['Namespace', `${status.files} files, ${status.directories} directories`],
    ['Bytes', `${humanSize(status.bytes)}, ${humanSize(status.diskBytes)} with all copies`],
    ['Clients', `${status.sessions} sessions, ${status.openFiles} files open for writing`],
    ['Leases', leaseText(status)],
    ['To clean up', `${status.reclaimPending} removed entries, ${status.tombstones} blocks`],
    ['To rewrite', `${status.rewritesPending} files`],
    ['Log', `applied ${status.appliedIndex}, in the store ${status.durableIndex}, ${status.fsyncs} syncs`],
    ['On disk', `log ${humanSize(status.logBytes)}, store ${humanSize(status.storeBytes)}`],
    ['Process', `${humanSize(status.residentBytes)} of memory, ${cpuSeconds} s of CPU`],
    ['Up for', durationText(status.uptimeMs)],
  ]
  return [...tableLines(facts, ['left', 'left']), '', ...datanodeLines(status)]
}

function leaseText({ leases }: ClusterStatus): string {
  const { held, queues, recalls, revoked, waits, waitP50Ms, waitP99Ms } = leases
  const facts = `${held} directories in ${queues} queues, ${recalls} recalls, ${revoked} revoked`
  return waits === 0 ? facts : `${facts}, waits ${waitP50Ms} ms (99 %: ${waitP99Ms} ms)`
}

function datanodeLines(status: ClusterStatus): string[] {
  const { datanodes } = status
  if (datanodes.length === 0) return ['No datanode has registered: files over 64 KiB cannot be written.']
  const head = ['Datanode', 'Address', 'State', 'Heard', 'Capacity', 'Free', 'Blocks', 'Bad']
  const rows = datanodes.map(node => [
    node.nodeId,
    `${node.host}:${node.port}`,
    stateOf(node, status),
    node.silentMs < 0 ? 'never' : `${durationText(node.silentMs)} ago`,
    humanSize(node.capacityBytes),
    humanSize(node.freeBytes),
    String(node.blocks),
    String(node.badBlocks),
  ])
  return tableLines([head, ...rows], ['left', 'left', 'left', 'left', 'right', 'right', 'right', 'right'])
}
