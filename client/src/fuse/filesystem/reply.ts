/** Common forms of answers, which are given at once where nobody has to be asked. */
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { type Entry, encodeDone, encodeEntry } from '../protocol/encode.ts'
import type { RequestHeader } from '../protocol/request.ts'
import type { Reply } from '../session/session.ts'
import type { MountContext } from './mount-context.ts'

/** What a caller is answered: at once where this mount knows it. Throws what fails at once. */
export function ask<Req, Res>(caller: RpcCaller, method: Method<Req, Res>, request: Req): Res | Promise<Res> {
  return caller.tryLocal?.(method, request) ?? caller.call(method, request)
}

/** Goes on with a value: at once if it is there. */
export function after<A, B>(value: A | Promise<A>, next: (value: A) => B | Promise<B>): B | Promise<B> {
  return value instanceof Promise ? value.then(next) : next(value)
}

export function done(header: RequestHeader): Reply {
  return { parts: [encodeDone(header.unique)] }
}

export function reply(message: Buffer): Reply {
  return { parts: [message] }
}

/** An entry that the kernel remembers, if it takes the answer. */
export function entryReply(context: MountContext, header: RequestHeader, entry: Entry): Reply {
  return { parts: [encodeEntry(header.unique, entry)], undo: () => context.forgetEntry(entry) }
}
