import { randomBytes } from 'node:crypto'
import { createConnection, createServer, type Server, type Socket } from 'node:net'
import t from 'tap'
import type { FsError } from '../base/errors.ts'
import { encodePreface, localSocketName, progress } from '../protocol/block.ts'
import { nothing } from '../wire/codec.ts'
import type { Reader } from '../wire/reader.ts'
import { BlockChannel, type ChannelHandler, failureOf } from './block-channel.ts'

interface Heard {
  readonly kind: number
  readonly request: number
  readonly length: number
  readonly data: Buffer | undefined
}

/** Hears frames whose head is a `progress` and answers nothing. */
class Listener implements ChannelHandler {
  readonly heard: Heard[] = []
  ended: FsError | undefined
  failure: FsError | undefined
  refusesData = false
  #wake: (() => void) | undefined

  frame(kind: number, request: number, head: Reader, dataBytes: number): Uint8Array | undefined {
    if (kind === 48) {
      this.failure = failureOf(head)
      return undefined
    }
    const { length } = progress.decode(head)
    const data = dataBytes > 0 && !this.refusesData ? Buffer.alloc(dataBytes) : undefined
    this.heard.push({ kind, request, length, data })
    if (dataBytes === 0) this.#wake?.()
    return data
  }

  landed(): void {
    this.#wake?.()
  }

  closed(error: FsError): void {
    this.ended = error
    this.#wake?.()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) {
      await new Promise<void>(resolve => {
        this.#wake = resolve
      })
    }
  }
}

interface Pair {
  readonly server: Listener
  readonly accepted: () => BlockChannel
  readonly address: { nodeId: string; host: string; port: number }
}

async function listen(
  t: { teardown(end: () => void): void },
  accept: (socket: Socket, handler: ChannelHandler) => BlockChannel = BlockChannel.accept,
  path?: (port: number) => string,
): Promise<Pair> {
  const server = new Listener()
  let channel: BlockChannel | undefined
  const take = (socket: Socket): void => {
    channel = accept(socket, server)
  }
  const tcp = createServer({ pauseOnConnect: true }, path === undefined ? take : socket => socket.destroy())
  const port = await listening(tcp, { host: '127.0.0.1', port: 0 })
  const servers = [tcp]
  if (path !== undefined) {
    servers.push(createServer({ pauseOnConnect: true }, take))
    await listening(servers[1] as Server, { path: path(port) })
  }
  t.teardown(() => {
    channel?.destroy()
    for (const one of servers) one.close()
  })
  return {
    server,
    accepted: () => channel as BlockChannel,
    address: { nodeId: 'n', host: '127.0.0.1', port },
  }
}

function listening(
  server: Server,
  where: { path: string } | { host: string; port: number },
): Promise<number> {
  return new Promise(resolve => {
    server.listen(where, () => {
      const address = server.address()
      resolve(typeof address === 'object' && address !== null ? address.port : 0)
    })
  })
}

/** As a Node without the private handle would take a socket over. */
function acceptByEvents(socket: Socket, handler: ChannelHandler): BlockChannel {
  const facade = new Proxy(socket, {
    get(target, key) {
      if (key === '_handle') return undefined
      const value = Reflect.get(target, key) as unknown
      return typeof value === 'function' ? value.bind(target) : value
    },
  })
  return BlockChannel.accept(facade, handler)
}

for (const [what, accept] of [
  ['a moved handle', BlockChannel.accept],
  ["'data' events", acceptByEvents],
] as const) {
  t.test(`frames of all sizes arrive whole and in order through ${what}`, async t => {
    const { server, address } = await listen(t, accept)
    const client = new Listener()
    const channel = await BlockChannel.connect(address, client)
    const sizes = [0, 1, 100, 32 * 1024, 32 * 1024 - 17, 65_536, 1024 * 1024, 0, 3, 1024 * 1024 - 1]
    const sent = sizes.map(size => randomBytes(size))
    let flushed = 0
    for (const [index, bytes] of sent.entries()) {
      const data = bytes.length > 0 ? bytes : undefined
      channel.send(7, index, progress, { length: bytes.length }, data, () => {
        flushed += 1
      })
    }
    await server.until(() => server.heard.length === sizes.length)
    await server.until(() => server.heard.at(-1)?.data?.equals(sent.at(-1) as Buffer) ?? false)
    for (const [index, heard] of server.heard.entries()) {
      t.match(heard, { kind: 7, request: index, length: sizes[index] as number })
      t.ok(sizes[index] === 0 ? heard.data === undefined : heard.data?.equals(sent[index] as Buffer))
    }
    channel.destroy()
    await server.until(() => server.ended !== undefined)
    channel.send(7, 99, nothing, {}, undefined, () => {
      flushed += 1
    })
    await new Promise(resolve => setTimeout(resolve, 20))
    t.equal(flushed, sizes.length + 1, 'each flush is told once, also on a dead channel')
    t.match(client.ended, { code: 'UNAVAILABLE' })
  })
}

t.test('a stream cut at every byte is the same stream', async t => {
  const { server, address } = await listen(t)
  const whole: Buffer[] = [encodePreface()]
  for (let index = 0; index < 5; index++) {
    const head = Buffer.alloc(12)
    head.writeUInt32LE(8, 0)
    head.writeDoubleLE(index, 4)
    const header = Buffer.alloc(16)
    header.writeUInt32LE(head.length, 0)
    header.writeUInt32LE(index * 3, 4)
    header.writeUInt8(9, 8)
    header.writeUInt32LE(index, 12)
    whole.push(header, head, Buffer.alloc(index * 3, index))
  }
  const socket = createConnection(address)
  for (const byte of Buffer.concat(whole)) {
    socket.write(Buffer.from([byte]))
    await new Promise(resolve => setImmediate(resolve))
  }
  await server.until(() => server.heard.length === 5)
  t.same(
    server.heard.map(({ length, data }) => [length, data?.length ?? 0]),
    [0, 1, 2, 3, 4].map(index => [index, index * 3]),
  )
  socket.destroy()
})

t.test('what breaks the protocol is answered by its name and ends the channel', async t => {
  const { server, address } = await listen(t)
  const client = new Listener()
  const channel = await BlockChannel.connect(address, client)
  server.refusesData = true
  channel.send(7, 1, progress, { length: 1 }, Buffer.alloc(1))
  await client.until(() => client.ended !== undefined)
  t.match(client.failure, { code: 'BAD_FRAME' })
  t.match(server.ended, { code: 'BAD_FRAME' })
})

t.test('a failure is heard although the sender of garbage goes on sending', async t => {
  const { server, address } = await listen(t)
  const client = new Listener()
  const channel = await BlockChannel.connect(address, client)
  server.refusesData = true
  for (let count = 0; count < 16; count++) {
    channel.send(7, 1, progress, { length: 1 }, Buffer.alloc(1024 * 1024))
  }
  await client.until(() => client.ended !== undefined)
  t.match(client.failure, { code: 'BAD_FRAME' })
})

t.test('a port where nobody listens is UNAVAILABLE, and the handler hears nothing of it', async t => {
  const client = new Listener()
  const address = { nodeId: 'n', host: '127.0.0.1', port: 1 }
  await t.rejects(BlockChannel.connect(address, client), { code: 'UNAVAILABLE', message: /127\.0\.0\.1:1/ })
  t.equal(client.ended, undefined)
})

t.test('a silent peer is given up after the time allowed', async t => {
  const { address } = await listen(t)
  const client = new Listener()
  const channel = await BlockChannel.connect(address, client)
  channel.limitSilence(50)
  await client.until(() => client.ended !== undefined)
  t.match(client.ended, { code: 'TIMED_OUT' })
})

t.test('on the own machine the local socket is taken before the port', async t => {
  const path = (port: number): string => localSocketName({ nodeId: 'n', port })
  const { server, address } = await listen(t, BlockChannel.accept, path)
  const channel = await BlockChannel.connect(address, new Listener())
  channel.send(7, 1, progress, { length: 5 })
  await server.until(() => server.heard.length === 1)
  t.equal(server.heard[0]?.length, 5)
  channel.destroy()
})
