/**
 * What `hopbine doctor` asks of a running installation: who answers, how it feels, and what the logs
 * complain of.
 */
import { closeSync, existsSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { FileSystem, isFsError } from '@hopbine/client/index.ts'
import { status as statusMethod } from '@hopbine/common/protocol/cluster.ts'
import { type ClusterStatus, stateOf } from '../admin/status.ts'
import type { HomeLayout } from '../home/layout.ts'
import { type Finding, ok, problem, warning } from './diagnose.ts'

/** How long a question may take, in milliseconds. */
const PATIENCE_MS = 3_000
/** What is read of the end of a log, in bytes. */
const LOG_TAIL_BYTES = 64 * 1024
/** Pino's number for errors; fatal is above. */
const LEVEL_ERROR = 50

export async function* examineCluster(layout: HomeLayout): AsyncGenerator<Finding> {
  const status = await ask(layout)
  if ('level' in status) yield status
  else {
    yield ok('namenode', `answers, cluster ${status.clusterId}`)
    yield* examineStatus(status)
  }
  yield* examineLogs(layout)
}

async function ask(layout: HomeLayout): Promise<ClusterStatus | Finding> {
  let fs: FileSystem | undefined
  try {
    fs = await FileSystem.connect({ home: layout.home, retryMs: PATIENCE_MS })
    return await fs.call(statusMethod, {})
  } catch (error) {
    if (!isFsError(error)) throw error
    return problem('namenode', error.message, `read ${layout.logFile('namenode')}, or start it: hopbine up`)
  } finally {
    fs?.close()
  }
}

function* examineStatus(status: ClusterStatus): Generator<Finding> {
  if (status.readOnlyReason === '') yield ok('writes', 'are served')
  else yield problem('writes', `are refused: ${status.readOnlyReason}`, 'mend that; it goes on by itself')
  if (status.datanodes.length === 0) {
    yield problem('datanodes', 'none has registered', 'start one: hopbine datanode, or hopbine up')
  }
  for (const node of status.datanodes) {
    const state = stateOf(node, status)
    const subject = `datanode ${node.nodeId}`
    if (state === 'live') yield ok(subject, `live, ${node.blocks} blocks`)
    else if (state === 'awaited') yield ok(subject, 'is awaited: the namenode was just started')
    else if (state === 'full') yield problem(subject, 'has no room for new blocks', 'make room on its disk')
    else if (state === 'away') yield problem(subject, 'does not answer', 'start it again; read its log')
    else yield problem(subject, `${node.badBlocks} bad blocks`, 'see what is concerned: hopbine admin fsck')
  }
}

function* examineLogs(layout: HomeLayout): Generator<Finding> {
  if (!existsSync(layout.logsFolder)) return
  for (const name of readdirSync(layout.logsFolder).filter(file => file.endsWith('.log'))) {
    const path = join(layout.logsFolder, name)
    const errors = lastLines(path).filter(isError)
    const last = errors.at(-1)
    if (last === undefined) yield ok('log', `${name}: no error in its last lines`)
    else
      yield warning('log', `${name}: ${errors.length} errors, the last ${last.slice(0, 300)}`, `read ${path}`)
  }
}

function lastLines(path: string): string[] {
  const file = openSync(path, 'r')
  try {
    const { size } = fstatSync(file)
    const start = Math.max(0, size - LOG_TAIL_BYTES)
    const tail = Buffer.alloc(size - start)
    const count = readSync(file, tail, 0, tail.length, start)
    return tail.toString('utf8', 0, count).split('\n').filter(Boolean)
  } finally {
    closeSync(file)
  }
}

/** A line of level error, as JSON or as text, or a line of another form: what a crash prints. */
function isError(line: string): boolean {
  if (line.startsWith('{')) return Number(/"level":(\d+)/.exec(line)?.[1] ?? 0) >= LEVEL_ERROR
  const level = /^\d{4}-\d\d-\d\dT\S+Z ([A-Z]+) /.exec(line)?.[1]
  return level === undefined ? /error|fatal|assert/i.test(line) : level === 'ERROR' || level === 'FATAL'
}
