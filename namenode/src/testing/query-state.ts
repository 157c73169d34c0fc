/** Answers a read from a state, as the server does. Test only. */
import assert from 'node:assert/strict'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { Writer } from '@hopbine/common/wire/writer.ts'
import type { QueryContext, ReadOperation } from '../operations/operation.ts'
import type { Datanodes } from '../placement/datanodes.ts'
import type { Tx } from '../store/tx.ts'
import { rowsWritten } from './state-facts.ts'

/** The bytes of the answer; an operation that writes them itself must write the same ones, kept or not. */
export function queryState(
  tx: Tx,
  datanodes: Datanodes,
  operation: ReadOperation,
  request: unknown,
  principal: Principal,
): Buffer {
  const context: QueryContext = {
    principal,
    locate: blockId => datanodes.locate(blockId, principal.user),
    droppableSince: () => 0,
    disk: () => datanodes.disk(),
  }
  const { name, response } = operation.method
  const before = rowsWritten(tx)
  const writer = new Writer()
  response.encode(writer, operation.query(tx, request, context))
  const answer = writer.copy()
  // The first may be made anew and kept, the second may be the one that was kept.
  for (const time of operation.respond === undefined ? [] : ['first', 'second']) {
    writer.reset()
    operation.respond?.(tx, request, context, writer)
    assert.deepEqual(writer.copy(), answer, `${name}: the ${time} quick answer is the plain one`)
  }
  assert.equal(rowsWritten(tx), before, `${name} only reads`)
  return answer
}
