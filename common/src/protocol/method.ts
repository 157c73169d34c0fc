/**
 * A method row: what may be asked of a service, as data. The number and the name never change their meaning.
 */
import type { Codec } from '../wire/codec.ts'

export type MethodKind =
  /** Answered from committed state. */
  | 'read'
  /** Goes through the shard's log and is applied exactly once. */
  | 'write'
  /** Touches only soft state of the serving process: sessions, heartbeats, waiting for changes. */
  | 'session'

export interface Method<Req, Res> {
  readonly id: number
  readonly name: string
  readonly kind: MethodKind
  /** First protocol version that has it. */
  readonly since: number
  readonly request: Codec<Req>
  readonly response: Codec<Res>
}

export function method<Req, Res>(
  id: number,
  name: string,
  kind: MethodKind,
  since: number,
  request: Codec<Req>,
  response: Codec<Res>,
): Method<Req, Res> {
  return { id, name, kind, since, request, response }
}

export type RequestOf<M> = M extends Method<infer Req, infer _Res> ? Req : never
export type ResponseOf<M> = M extends Method<infer _Req, infer Res> ? Res : never
