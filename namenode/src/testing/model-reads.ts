/** Compares what a user may read at a path with what the model allows. Test only. */
import assert from 'node:assert/strict'
import type { ErrorCode } from '@hopbine/common/base/errors.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { Executor } from './executor.ts'
import { cellsOf } from './file-cells.ts'
import { compareStatus } from './model-compare.ts'
import type { ModelState } from './model-state.ts'
import { allows, type ModelNode, nodeOf, READ, Refusal, SEARCH } from './model-tree.ts'
import { OPERATOR } from './test-replica.ts'

/** What the operator sees at a path, links not followed. */
export function compareStat({ root }: ModelState, real: Executor, path: string): void {
  expect(real, OPERATOR, rpc.stat, { path, followLast: false }, () => {
    const node = nodeOf(root, OPERATOR, path, false)
    return ({ status }) => compareStatus(status, node)
  })
}

export function compareReads({ root }: ModelState, real: Executor, who: Principal, path: string): void {
  const find = (followLast: boolean): ModelNode => nodeOf(root, who, path, followLast)
  for (const followLast of [true, false]) {
    expect(real, who, rpc.stat, { path, followLast }, () => {
      const node = find(followLast)
      return ({ status }) => compareStatus(status, node)
    })
  }
  expect(real, who, rpc.list_, { path, after: '', max: 0 }, () => {
    const node = find(true)
    if (node.isDirectory && !allows(who, node, READ | SEARCH)) throw new Refusal('ACCESS_DENIED')
    const names = node.isDirectory ? [...node.children.keys()].sort() : [node.name]
    return ({ entries }) =>
      assert.deepEqual(
        entries.map(entry => entry.name),
        names,
      )
  })
  expect(real, who, rpc.open, { path, offset: 0, length: 1000 }, () => {
    const node = find(true)
    if (node.isDirectory) throw new Refusal('IS_A_DIRECTORY')
    if (!allows(who, node, READ)) throw new Refusal('ACCESS_DENIED')
    return answer => assert.deepEqual(cellsOf(answer), node.cells)
  })
  expect(real, who, rpc.readlink, { path }, () => {
    const node = find(false)
    if (node.kind !== KIND.symlink) throw new Refusal('INVALID_ARGUMENT')
    return ({ target }) => assert.equal(target, node.target)
  })
  expect(real, who, rpc.summary, { path }, () => {
    const node = find(true)
    if (node.isDirectory && !allows(who, node, READ | SEARCH)) throw new Refusal('ACCESS_DENIED')
    return ({ files, directories, bytes, diskBytes }) =>
      assert.deepEqual({ files, directories, bytes, diskBytes }, node.totals)
  })
}

function expect<Req, Res>(
  real: Executor,
  who: Principal,
  method: Method<Req, Res>,
  request: Req,
  body: () => (answer: Res) => void,
): void {
  let refused: ErrorCode | undefined
  let check: ((answer: Res) => void) | undefined
  try {
    check = body()
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    refused = error.code
  }
  const outcome = real.read(who, method, request)
  const about = `${method.name} ${JSON.stringify(request)} by ${who.user}`
  assert.equal('error' in outcome ? outcome.error.code : undefined, refused, about)
  if (!('error' in outcome)) check?.(outcome.answer)
}
