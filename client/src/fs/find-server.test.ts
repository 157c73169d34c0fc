import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { FileSystem } from './file-system.ts'

const home = await mkdtemp(join(tmpdir(), 'hopbine-client-'))
t.teardown(() => rm(home, { recursive: true }))

t.test('a home where nothing runs says so and what to do', async t => {
  await t.rejects(FileSystem.connect({ home: join(home, 'none') }), {
    code: 'UNAVAILABLE',
    message: `No Hopbine is running at ${join(home, 'none')}; start one with \`hopbine up\`.`,
  })
})

t.test('a home whose server has died says the same', async t => {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as { port: number }
  await new Promise(resolve => server.close(resolve))
  const up = { socket: join(home, 'gone.sock'), rpc: { host: '127.0.0.1', port } }
  await writeFile(join(home, 'up.json'), JSON.stringify(up))
  await t.rejects(FileSystem.connect({ home }), { code: 'UNAVAILABLE', message: /No Hopbine is running/ })
})

t.test('an up.json that is not JSON is named', async t => {
  await writeFile(join(home, 'up.json'), '{')
  await t.rejects(FileSystem.connect({ home }), { code: 'UNAVAILABLE', message: /up\.json cannot be read/ })
})

t.test('a host without a port is refused', async t => {
  await t.rejects(FileSystem.connect({ host: 'localhost' }), { code: 'INVALID_ARGUMENT' })
})
