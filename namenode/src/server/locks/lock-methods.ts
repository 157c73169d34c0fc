/** The methods of protocol/locks.ts as rows of the session methods. */
import * as rpc from '@hopbine/common/protocol/locks.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'
import type { SessionMethod } from '../session-methods.ts'
import type { Locks } from './locks.ts'

/** Locks are advice among those who ask for them: they give and take no rights. */
export function lockMethods(locks: Locks): SessionMethod[] {
  const row = <Req, Res>(
    method: Method<Req, Res>,
    answer: (request: Req, connection: ServerConnection) => Res | Promise<Res>,
  ): SessionMethod => ({ method, privileged: false, answer: answer as SessionMethod['answer'] })
  return [
    row(rpc.openLocks, (request, connection) => locks.open(request, connection)),
    row(rpc.lock, (request, connection) => locks.lock(request, connection)),
    row(rpc.unlock, (request, connection) => locks.unlock(request, connection)),
    row(rpc.testLock, (request, connection) => locks.test(request, connection)),
    row(rpc.cancelLock, ({ incarnation, number }, connection) => {
      locks.cancel(incarnation, number, connection)
      return {}
    }),
    row(rpc.returnLocks, (request, connection) => {
      locks.giveBack(request, connection)
      return {}
    }),
    row(rpc.restoreLocks, (request, connection) => {
      locks.restore(request, connection)
      return {}
    }),
    row(rpc.renewLocks, ({ incarnation }, connection) => {
      locks.renew(incarnation, connection)
      return {}
    }),
    row(rpc.closeLocks, (_request, connection) => {
      locks.end(connection.clientId)
      return {}
    }),
    row(rpc.declareOpens, (request, connection) => locks.declareOpens(request, connection)),
  ]
}
