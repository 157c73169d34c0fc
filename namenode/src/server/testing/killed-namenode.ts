/** A namenode in a process of its own, in a folder that ends with the test, to be killed. Test only. */
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { NamenodeConfig } from '../namenode.ts'
import { type Ending, TOKEN } from './served-namenode.ts'

const CHILD = fileURLToPath(new URL('./child-namenode.ts', import.meta.url))

export function homeOf(t: Ending): { folder: string; config: NamenodeConfig } {
  const folder = mkdtempSync(join(tmpdir(), 'hopbine-crash-'))
  t.teardown(() => rmSync(folder, { recursive: true, force: true }))
  writeFileSync(join(folder, 'token'), TOKEN)
  const config = {
    dataDir: join(folder, 'data'),
    socketPath: join(folder, 's'),
    host: '127.0.0.1',
    port: 0,
    tokenFile: join(folder, 'token'),
    logLevel: 'silent',
    cacheKiB: 4096,
    reserveBytes: 1024 * 1024,
  }
  return { folder, config }
}

/** Runs the namenode; `before` is what starts it, for example in a world with a small disk. */
export async function startChild(
  config: NamenodeConfig,
  before: readonly string[] = [],
): Promise<ChildProcess> {
  const argv = [
    ...before,
    process.execPath,
    '--disable-warning=ExperimentalWarning',
    CHILD,
    JSON.stringify(config),
  ]
  const child = spawn(argv[0] as string, argv.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  const isUp = await Promise.race([
    once(child.stdout as NodeJS.ReadableStream, 'data').then(() => true),
    once(child, 'exit').then(() => false),
  ])
  if (!isUp) throw new Error('the namenode did not come up')
  return child
}

export async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  child.kill('SIGKILL')
  await once(child, 'exit')
}
