/**
 * Codecs: how a value of one type becomes bytes and back, declared as data. A record only ever gains fields
 * at its end: it carries its length, so an old reader skips what it does not know and a new reader fills what
 * is missing with the field's default. `shape` is the text that the protocol test hashes, so that no change
 * is silent.
 */
import { FsError } from '../base/errors.ts'
import type { Reader } from './reader.ts'
import type { Writer } from './writer.ts'

export interface Codec<T> {
  readonly shape: string
  readonly missing: T
  encode(writer: Writer, value: T): void
  decode(reader: Reader): T
}

export type ValueOf<C> = C extends Codec<infer T> ? T : never

const primitive = <T>(
  shape: string,
  missing: T,
  encode: (writer: Writer, value: T) => void,
  decode: (reader: Reader) => T,
): Codec<T> => ({ shape, missing, encode, decode })

const EMPTY = Buffer.alloc(0)

export const u8 = primitive<number>(
  'u8',
  0,
  (w, v) => w.u8(v),
  r => r.u8(),
)
export const u16 = primitive<number>(
  'u16',
  0,
  (w, v) => w.u16(v),
  r => r.u16(),
)
export const u32 = primitive<number>(
  'u32',
  0,
  (w, v) => w.u32(v),
  r => r.u32(),
)
/** A whole number of magnitude up to 2^53 − 1. */
export const int = primitive<number>(
  'int',
  0,
  (w, v) => w.f64(v),
  r => r.int(),
)
export const f64 = primitive<number>(
  'f64',
  0,
  (w, v) => w.f64(v),
  r => r.f64(),
)
export const flag = primitive<boolean>(
  'flag',
  false,
  (w, v) => w.u8(v ? 1 : 0),
  r => r.u8() !== 0,
)
export const text = primitive<string>(
  'text',
  '',
  (w, v) => w.text(v),
  r => r.text(),
)
export const bytes = primitive<Uint8Array>(
  'bytes',
  EMPTY,
  (w, v) => w.bytes(v),
  r => r.bytes(),
)

/** A value or nothing. */
export function optional<T>(inner: Codec<T>): Codec<T | undefined> {
  return {
    shape: `${inner.shape}?`,
    missing: undefined,
    encode(writer, value) {
      writer.u8(value === undefined ? 0 : 1)
      if (value !== undefined) inner.encode(writer, value)
    },
    decode: reader => (reader.u8() === 0 ? undefined : inner.decode(reader)),
  }
}

export function list<T>(inner: Codec<T>): Codec<T[]> {
  return {
    shape: `[${inner.shape}]`,
    missing: [],
    encode(writer, values) {
      writer.u32(values.length)
      for (const value of values) inner.encode(writer, value)
    },
    decode(reader) {
      const count = reader.u32()
      // Each element takes at least one byte, so a lying count cannot make us allocate.
      if (count > reader.remaining) throw new FsError('BAD_FRAME', 'a list is longer than its message')
      const values: T[] = []
      for (let i = 0; i < count; i++) values.push(inner.decode(reader))
      return values
    },
  }
}

type Fields = Record<string, Codec<unknown>>
type Simplify<T> = { [K in keyof T]: T[K] }
type OptionalKeys<F> = { [K in keyof F]: undefined extends ValueOf<F[K]> ? K : never }[keyof F]
export type RecordOf<F> = Simplify<
  { [K in Exclude<keyof F, OptionalKeys<F>>]: ValueOf<F[K]> } & {
    [K in OptionalKeys<F>]?: ValueOf<F[K]> | undefined
  }
>
export function record<F extends Record<string, Codec<unknown>>>(fields: F): Codec<RecordOf<F>> {
  const names = Object.keys(fields)
  const codecs = Object.values(fields as Fields)
  const missing: Record<string, unknown> = {}
  for (let i = 0; i < names.length; i++) missing[names[i] as string] = (codecs[i] as Codec<unknown>).missing
  return {
    shape: `{${names.map((name, i) => `${name}:${(codecs[i] as Codec<unknown>).shape}`).join(',')}}`,
    missing: missing as RecordOf<F>,
    encode(writer, value) {
      const start = writer.position
      writer.u32(0)
      for (let i = 0; i < names.length; i++) {
        ;(codecs[i] as Codec<unknown>).encode(writer, (value as Record<string, unknown>)[names[i] as string])
      }
      writer.patchU32(start, writer.position - start - 4)
    },
    decode(reader) {
      const outer = reader.enter(reader.u32())
      const value: Record<string, unknown> = {}
      for (let i = 0; i < names.length; i++) {
        const codec = codecs[i] as Codec<unknown>
        value[names[i] as string] = reader.remaining > 0 ? codec.decode(reader) : codec.missing
      }
      reader.leave(outer)
      return value as RecordOf<F>
    },
  }
}

/** The empty record, for methods that ask or answer nothing. */
export const nothing = record({})
