/** Compares everything that the model holds with what the operator sees. Test only. */
import assert from 'node:assert/strict'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { type FileStatus, FLAG, KIND } from '@hopbine/common/protocol/types.ts'
import type { Executor } from './executor.ts'
import { cellsOf } from './file-cells.ts'
import type { ModelState } from './model-state.ts'
import type { ModelNode } from './model-tree.ts'
import { OPERATOR } from './test-replica.ts'

export function compareTree({ root }: ModelState, real: Executor): void {
  for (const node of root.all()) {
    compareNode(real, node)
    if (node.isDirectory) compareDirectory(real, node)
    if (node.kind === KIND.file) {
      const request = { path: node.path, offset: 0, length: 2 ** 40 }
      assert.deepEqual(cellsOf(ask(real, rpc.open, request)), node.cells, `content of ${node.path}`)
    }
  }
}

export function compareNode(real: Executor, node: ModelNode): void {
  const { status } = ask(real, rpc.stat, { path: node.path, followLast: false })
  compareStatus(status, node)
}

function compareDirectory(real: Executor, node: ModelNode): void {
  const { path } = node
  const { entries, more } = ask(real, rpc.list_, { path, after: '', max: 0 })
  const names = [...node.children.keys()].sort()
  assert.deepEqual([entries.map(entry => entry.name), more], [names, false], `names in ${path}`)
  for (const entry of entries) compareStatus(entry, node.children.get(entry.name) as ModelNode)
  const { nameQuota, spaceQuota, ...totals } = ask(real, rpc.summary, { path })
  assert.deepEqual(totals, { ...node.totals, owner: node.owner }, `totals of ${path}`)
  assert.deepEqual([nameQuota, spaceQuota], [node.nameQuota, node.spaceQuota], `quotas of ${path}`)
}

export function compareStatus(status: FileStatus, node: ModelNode): void {
  const { kind, mode, owner, group, replication, target, isDirectory } = node
  const subdirectories = [...node.children.values()].filter(child => child.isDirectory).length
  const wanted = {
    id: node.id,
    name: node.name,
    kind,
    mode,
    owner,
    group,
    size: isDirectory ? 0 : node.size,
    times: [node.atime, node.mtime, node.ctime],
    nlink: isDirectory ? 2 + subdirectories : 1,
    replication,
    children: node.children.size,
    flags: (node.holder === '' ? 0 : FLAG.open) | (node.inline ? FLAG.inline : 0),
    generation: isDirectory ? 0 : node.generation,
    target,
  }
  const { atime, atimeNs, mtime, mtimeNs, ctime, ctimeNs, blockSize, ...rest } = status
  const times = [
    [atime, atimeNs],
    [mtime, mtimeNs],
    [ctime, ctimeNs],
  ].map(([seconds = 0, nanos = 0]) => seconds * 1000 + nanos / 1e6)
  assert.deepEqual({ ...rest, times }, wanted, `attributes of ${node.path}`)
  assert.equal(blockSize > 0, kind === KIND.file)
}

function ask<Req, Res>(real: Executor, method: Method<Req, Res>, request: Req): Res {
  const outcome = real.read(OPERATOR, method, request)
  if ('error' in outcome) throw outcome.error
  return outcome.answer
}
