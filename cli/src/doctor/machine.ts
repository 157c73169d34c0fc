/** What `hopbine doctor` asks of the machine: versions, limits, disk space, the kernel's door for mounts. */
import { accessSync, constants, existsSync, readFileSync, statfsSync } from 'node:fs'
import { dirname } from 'node:path'
import type { HomeLayout } from '../home/layout.ts'
import { humanSize } from '../output/sizes.ts'
import { versionOf } from '../output/version.ts'
import { type Finding, ok, problem, warning } from './diagnose.ts'

const NODE_MAJOR_MIN = 24
/** Open files that a namenode or datanode with many clients may need. */
const OPEN_FILES_MIN = 4096
/** Writes are refused below a reserve; warn well before. */
const FREE_BYTES_MIN = 1024 ** 3
const FREE_BYTES_WARN = 5 * 1024 ** 3

export function* examineMachine(layout: HomeLayout): Generator<Finding> {
  yield nodeVersion()
  yield openFiles()
  yield freeSpace(layout)
  yield fuseDevice()
}

function nodeVersion(): Finding {
  const version = process.versions.node
  const what = `Hopbine ${versionOf()} on Node.js ${version}, ${process.platform} ${process.arch}`
  if (Number(version.split('.')[0]) >= NODE_MAJOR_MIN) return ok('version', what)
  return problem('version', what, `start it with scripts/hopbine, which brings Node.js ${NODE_MAJOR_MIN}`)
}

function openFiles(): Finding {
  if (process.platform !== 'linux') return ok('open files', 'not examined on this system')
  const limits = readFileSync('/proc/self/limits', 'utf8')
  const soft = /^Max open files\s+(\d+|unlimited)/m.exec(limits)?.[1] ?? 'unlimited'
  if (soft === 'unlimited' || Number(soft) >= OPEN_FILES_MIN) return ok('open files', `limit ${soft}`)
  return warning('open files', `limit ${soft}`, `raise it before \`hopbine up\`: ulimit -n ${OPEN_FILES_MIN}`)
}

function freeSpace(layout: HomeLayout): Finding {
  const folder = nearestExisting(layout.home)
  const { bavail, bsize } = statfsSync(folder)
  const free = bavail * bsize
  const what = `${humanSize(free)} free at ${folder}`
  if (free < FREE_BYTES_MIN) {
    return problem('disk', what, 'make room: writes are refused while the disk is nearly full')
  }
  return free < FREE_BYTES_WARN ? warning('disk', what, 'make room soon') : ok('disk', what)
}

function nearestExisting(path: string): string {
  return existsSync(path) ? path : nearestExisting(dirname(path))
}

function fuseDevice(): Finding {
  const device = '/dev/fuse'
  if (!existsSync(device)) {
    return warning('mount', `${device} is not there`, 'only mounts need it: load the kernel module fuse')
  }
  try {
    accessSync(device, constants.R_OK | constants.W_OK)
    return ok('mount', `${device} can be used`)
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? 'unknown'
    return warning(
      'mount',
      `${device} cannot be opened (${reason})`,
      'only mounts need it: allow your user to',
    )
  }
}
