/**
 * Mounting and unmounting through mount(8) and umount(8) of util-linux, and what must hold of a directory
 * before. The kernel's device is handed to mount(8) as an inherited descriptor; no helper of libfuse is
 * involved.
 */
import { type ChildProcess, spawn } from 'node:child_process'
import { readdir, realpath, statfs, writeFile } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import { within } from '@hopbine/common/base/within.ts'
import { MOUNT_TYPE, mountAt, mountTable } from './mount-table.ts'

export interface MountOptions {
  readonly directory: string
  /** Shown as the source in the table of mounts. */
  readonly source: string
  readonly readOnly: boolean
  /** Others than the user of the daemon may enter, each with the own rights. */
  readonly allowOther: boolean
  /** Set-uid bits and devices take effect. */
  readonly suid: boolean
  readonly devices: boolean
}

/** A mount whose daemon does not answer a stat within this time counts as hanging, in milliseconds. */
const ANSWER_MS = 3_000
/** Descriptor number under which mount(8) finds the device. */
const INHERITED = 3

/**
 * The directory's real path, ready to be mounted on: a stale mount of ours is taken away first. Throws
 * NOT_FOUND, NOT_A_DIRECTORY, NOT_EMPTY, or BUSY when something is mounted there and works.
 */
export async function prepareMountPoint(path: string): Promise<string> {
  const directory = await realDirectory(path)
  const mounted = mountAt(await mountTable(), directory)
  if (mounted !== undefined) {
    const state = await stateOf(directory)
    if (state !== 'stale' || mounted.type !== MOUNT_TYPE) {
      const what =
        state === 'hangs' ? 'is mounted and does not answer' : `is already mounted (${mounted.type})`
      throw new FsError('BUSY', `${directory} ${what}: unmount it, or choose another directory`)
    }
    await unmount(directory, { lazy: true })
    return prepareMountPoint(directory)
  }
  const names = await namesIn(directory)
  // Nothing is mounted there, so it answers: a symbolic link stands for where it leads.
  const real = await realpath(directory)
  if (real !== directory) return prepareMountPoint(real)
  if (names.length > 0) {
    throw new FsError('NOT_EMPTY', `${directory} is not empty: mount on an empty directory`)
  }
  return directory
}

async function namesIn(directory: string): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT') throw missing(directory)
    if (code !== 'ENOTDIR') throw error
    throw new FsError('NOT_A_DIRECTORY', `${directory} is not a directory: mount on an empty directory`)
  }
}

function missing(directory: string): FsError {
  return new FsError('NOT_FOUND', `${directory} does not exist: make it with mkdir -p first`)
}

/** The last name is not looked at: what is mounted there may not answer. */
async function realDirectory(path: string): Promise<string> {
  const absolute = resolve(path)
  try {
    if (absolute === '/') return absolute
    return join(await realpath(dirname(absolute)), basename(absolute))
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw missing(absolute)
  }
}

/** Whether a mount's daemon is there. */
export async function stateOf(directory: string): Promise<'works' | 'stale' | 'hangs'> {
  // Never answered from the kernel's own memory, as attributes are.
  const asked = statfs(directory).then(
    () => 'works' as const,
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOTCONN' || error.code === 'ECONNABORTED') return 'stale' as const
      return 'works' as const
    },
  )
  return Promise.race([asked, sleep(ANSWER_MS, 'hangs' as const, { ref: false })])
}

/**
 * Mounts the open device. Throws NOT_PERMITTED without the privilege, else INTERNAL with mount(8)'s own
 * words.
 */
export async function mountDevice(fd: number, options: MountOptions): Promise<void> {
  const flags = [
    `fd=${INHERITED}`,
    'rootmode=40000',
    `user_id=${process.getuid?.() ?? 0}`,
    `group_id=${process.getgid?.() ?? 0}`,
    'default_permissions',
    options.readOnly ? 'ro' : 'rw',
    options.suid ? 'suid' : 'nosuid',
    options.devices ? 'dev' : 'nodev',
    ...(options.allowOther ? ['allow_other'] : []),
  ]
  const words = ['-i', '-t', MOUNT_TYPE, '-o', flags.join(','), options.source, options.directory]
  const { code, said } = await runProgram('mount', words, fd)
  if (code === 0) return
  if (process.getuid?.() !== 0) {
    throw new FsError('NOT_PERMITTED', `mounting needs root (CAP_SYS_ADMIN): ${said}; run it with sudo`)
  }
  throw new FsError('INTERNAL', `mount(8) failed: ${said}`)
}

/**
 * `lazy` takes the mount out of the tree at once, also while it is in use. BUSY if it is in use otherwise.
 */
export async function unmount(directory: string, options: { readonly lazy: boolean }): Promise<void> {
  const { ended } = startUnmount(directory, options)
  await ended
}

/**
 * Unmounts, lazily if the mount is in use or that takes longer than `ms`. Returns after three times as long.
 */
export async function unmountSoon(directory: string, ms: number): Promise<void> {
  const { ended, giveUp } = startUnmount(directory, { lazy: false })
  try {
    if (await within(ended, ms)) return
    giveUp()
  } catch (error) {
    if (!isFsError(error, 'BUSY')) throw error
  }
  const lazily = startUnmount(directory, { lazy: true })
  if (!(await within(lazily.ended, 2 * ms))) lazily.giveUp()
}

function startUnmount(
  directory: string,
  options: { readonly lazy: boolean },
): { readonly ended: Promise<void>; giveUp(): void } {
  // The path is real; looking at it again would ask the daemon.
  const { child, ended } = start('umount', [...(options.lazy ? ['-l'] : []), '-c', '-i', directory])
  const checked = ended.then(({ code, said }) => {
    if (code === 0) return
    if (said.includes('busy')) throw new FsError('BUSY', `${directory} is in use: ${said}`)
    throw new FsError('INVALID_ARGUMENT', `umount(8) failed: ${said}`)
  })
  return { ended: checked, giveUp: () => void child.kill('SIGKILL') }
}

/** The kernel reads files ahead by no more than this setting of the mount, whatever was negotiated. */
export async function setReadAhead(directory: string, kib: number): Promise<void> {
  const mounted = mountAt(await mountTable(), directory)
  if (mounted === undefined) return
  await writeFile(`/sys/class/bdi/${mounted.device}/read_ahead_kb`, String(kib))
}

interface Run {
  readonly code: number | null
  readonly said: string
}

/** Runs a program to its end. Throws UNSUPPORTED where it is missing. */
export function runProgram(program: string, words: readonly string[], fd?: number): Promise<Run> {
  return start(program, words, fd).ended
}

function start(
  program: string,
  words: readonly string[],
  fd?: number,
): { readonly child: ChildProcess; readonly ended: Promise<Run> } {
  const inherited = fd === undefined ? [] : [fd]
  const child = spawn(program, [...words], { stdio: ['ignore', 'pipe', 'pipe', ...inherited] })
  const parts: Buffer[] = []
  child.stdout?.on('data', (part: Buffer) => parts.push(part))
  child.stderr?.on('data', (part: Buffer) => parts.push(part))
  const ended = new Promise<Run>((resolve, reject) => {
    child.once('error', error =>
      reject(new FsError('UNSUPPORTED', `${program}(8) of util-linux is missing: ${error.message}`)),
    )
    child.once('close', code => resolve({ code, said: Buffer.concat(parts).toString().trim() }))
  })
  return { child, ended }
}
