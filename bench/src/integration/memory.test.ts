/** Memory of a client that streams a large file: measured in a process that is nothing but a client. */
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import t from 'tap'
import { bootInProcess } from '../cluster/in-process.ts'

/** Resident memory that a streaming client may take, in MiB: Node itself takes 60 to 90. */
const RESIDENT_MIB_MAX = 320
const FILE_BYTES = 1024 * 1024 * 1024

const cluster = await bootInProcess({ datanodes: 1 })
t.teardown(() => cluster.stop())

const PROGRAM = `
  import { Readable } from 'node:stream'
  import { pipeline } from 'node:stream/promises'
  import { FileSystem } from '@hopbine/client/index.ts'

  const fs = await FileSystem.connect()
  let most = 0
  const timer = setInterval(() => { most = Math.max(most, process.memoryUsage.rss()) }, 20)
  const chunk = Buffer.alloc(256 * 1024, 'x')
  function* chunks() {
    for (let left = ${FILE_BYTES}; left > 0; left -= chunk.length) yield chunk
  }
  const writeStart = performance.now()
  await pipeline(Readable.from(chunks()), await fs.create('/large'))
  const readStart = performance.now()
  let bytes = 0
  for await (const part of await fs.open('/large')) bytes += part.length
  const end = performance.now()
  clearInterval(timer)
  fs.close()
  const rate = ms => Math.round(bytes / 1048576 / (ms / 1000))
  const [write, read] = [rate(readStart - writeStart), rate(end - readStart)]
  console.log(JSON.stringify({ bytes, mebibytes: Math.round(most / 1048576), write, read }))
`

t.test('a gibibyte goes in and out in bounded memory', async t => {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--disable-warning=ExperimentalWarning', '--input-type=module', '--eval', PROGRAM],
    { cwd: import.meta.dirname, env: { ...process.env, HOPBINE_HOME: cluster.home } },
  )
  const { bytes, mebibytes, write, read } = JSON.parse(stdout)
  t.equal(bytes, FILE_BYTES)
  t.ok(mebibytes < RESIDENT_MIB_MAX, `${mebibytes} MiB resident`)
  t.comment(`write ${write} MiB/s, read ${read} MiB/s, ${mebibytes} MiB resident`)
})
