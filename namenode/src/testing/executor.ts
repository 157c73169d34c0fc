/** What a model is compared with: something that runs requests of several clients. Test only. */
import { type FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import type { WriteOperation } from '../operations/operation.ts'
import type { Tx } from '../store/tx.ts'
import { OPERATOR } from './test-replica.ts'

export type Outcome<Res> = { readonly answer: Res } | { readonly error: FsError }

export interface Executor {
  /** The state in service, for looking only. */
  readonly state: Tx
  /** Time of the last write, in milliseconds. */
  readonly nowMs: number
  /** Client ids, one for each of `CLIENTS`. */
  readonly clientIds: readonly string[]
  write<Req, Res>(client: number, method: Method<Req, Res>, request: Req): Promise<Outcome<Res>>
  /** Sends the client's last write again and checks that the first answer comes. */
  repeat(client: number): Promise<void>
  read<Req, Res>(principal: Principal, method: Method<Req, Res>, request: Req): Outcome<Res>
  own<Res>(operation: WriteOperation, body: unknown): Promise<Res>
  setSilent(clientIds: readonly string[]): void
  /** Loses everything that is not durable, and comes back. */
  restart(): Promise<void>
  /** Makes everything durable and lets the log go. */
  checkpoint(): Promise<void>
  /** Last checks, and everything is given back. */
  finish(): Promise<void>
}

const user = (name: string, ...groups: string[]): Principal => ({
  user: name,
  groups: [...groups, name],
  superuser: false,
})

/** Who speaks: two sessions of the operator, and users who share groups. */
export const CLIENTS: readonly Principal[] = [
  OPERATOR,
  OPERATOR,
  user('ada', 'team'),
  user('bob'),
  user('eve', 'staff', 'team'),
]

export function outcomeOf<Res>(body: () => Res): Outcome<Res> {
  try {
    return { answer: body() }
  } catch (error) {
    if (!isFsError(error)) throw error
    return { error }
  }
}
