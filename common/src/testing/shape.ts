/** Reads the `shape` of a codec, for tests that draw values of it. Test only. */

/** A shape taken apart. */
export type Shape =
  | { readonly kind: 'primitive'; readonly name: string }
  | { readonly kind: 'optional'; readonly inner: Shape }
  | { readonly kind: 'list'; readonly inner: Shape }
  | { readonly kind: 'record'; readonly fields: readonly (readonly [string, Shape])[] }

export function parseShape(text: string): Shape {
  const [shape, rest] = parse(text)
  if (rest !== '') throw new Error(`${rest} is left of shape ${text}`)
  return shape
}

function parse(text: string): [Shape, string] {
  const [shape, rest] = parseOne(text)
  return rest.startsWith('?') ? [{ kind: 'optional', inner: shape }, rest.slice(1)] : [shape, rest]
}

function parseOne(text: string): [Shape, string] {
  if (text.startsWith('[')) {
    const [inner, rest] = parse(text.slice(1))
    return [{ kind: 'list', inner }, expectStart(rest, ']')]
  }
  if (!text.startsWith('{')) {
    const name = /^\w+/.exec(text)?.[0] ?? ''
    return [{ kind: 'primitive', name }, text.slice(name.length)]
  }
  const fields: (readonly [string, Shape])[] = []
  let rest = text.slice(1)
  while (!rest.startsWith('}')) {
    const name = /^\w+/.exec(rest)?.[0] ?? ''
    const [shape, after] = parse(expectStart(rest.slice(name.length), ':'))
    fields.push([name, shape])
    rest = after.startsWith(',') ? after.slice(1) : after
  }
  return [{ kind: 'record', fields }, rest.slice(1)]
}

function expectStart(text: string, start: string): string {
  if (!text.startsWith(start)) throw new Error(`${start} was expected at ${text}`)
  return text.slice(start.length)
}
