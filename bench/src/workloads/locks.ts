/**
 * `locks`: what one `fcntl` lock and its unlock take on a mount that decides them itself, on one where the
 * namenode must since another mount asks now and then, and on a local disk. Needs root and python3.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { Mounted } from '../integration/mounted.ts'
import { defineWorkload } from './workload.ts'

const runFile = promisify(execFile)

const options = [
  {
    name: 'pairs',
    type: 'count',
    minimum: 100,
    default: 20_000,
    sentence: 'Locks that are taken and given.',
  },
] as const

/** Says how many microseconds a pair took. */
const PAIRS = [
  'import fcntl, os, sys, time',
  'fd = os.open("locked", os.O_RDWR | os.O_CREAT)',
  'def go(count):',
  '    for i in range(count):',
  '        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, i % 100)',
  '        fcntl.lockf(fd, fcntl.LOCK_UN, 1, i % 100)',
  'go(300)',
  'start = time.perf_counter(); go(int(sys.argv[1]))',
  'print((time.perf_counter() - start) / int(sys.argv[1]) * 1e6)',
].join('\n')

/** Asks for another byte of the same file every third of a second until it is told to end. */
const RIVAL = [
  'import fcntl, os, select, sys',
  'fd = os.open("locked", os.O_RDWR | os.O_CREAT)',
  'fcntl.lockf(fd, fcntl.LOCK_EX, 1, 500)',
  'print("here", flush=True)',
  'while not select.select([sys.stdin], [], [], 0.3)[0]:',
  '    fcntl.lockf(fd, fcntl.LOCK_UN, 1, 500); fcntl.lockf(fd, fcntl.LOCK_EX, 1, 500)',
].join('\n')

export const workload = defineWorkload({
  name: 'locks',
  sentence: 'One fcntl lock and its unlock, decided by the mount, by the namenode, and by a local disk.',
  options,
  datanodes: () => 1,
  mustOwn: true,
  async measure(bench, { pairs }) {
    const home = bench.cluster.home.path
    const mounts = [await Mounted.start(home), await Mounted.start(home)] as const
    const folder = await mkdtemp(join(tmpdir(), 'hopbine-bench-locks-'))
    try {
      const delegatedMicrosPerPair = await microsPerPair(mounts[0].directory, pairs)
      const rival = await startRival(mounts[1].directory)
      const namenodeMicrosPerPair = await microsPerPair(mounts[0].directory, pairs)
      await rival.end()
      const localMicrosPerPair = await microsPerPair(folder, pairs)
      return { errors: 0, delegatedMicrosPerPair, namenodeMicrosPerPair, localMicrosPerPair }
    } finally {
      for (const mount of mounts) await mount.remove()
      await rm(folder, { recursive: true, force: true })
    }
  },
})

async function microsPerPair(cwd: string, pairs: number): Promise<number> {
  const { stdout } = await runFile('python3', ['-c', PAIRS, String(pairs)], { cwd })
  return Number(stdout)
}

/** Resolves when it holds its first lock. */
async function startRival(cwd: string): Promise<{ end(): Promise<void> }> {
  const work = runFile('python3', ['-c', RIVAL], { cwd })
  const { stdin, stdout } = work.child
  await Promise.race([new Promise(resolve => stdout?.once('data', resolve)), work])
  return {
    async end() {
      stdin?.end()
      await work
    },
  }
}
