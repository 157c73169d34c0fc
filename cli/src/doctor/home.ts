/**
 * What `hopbine doctor` asks of a home folder: there, ours, private, in one piece, and what its files say
 * of `up`.
 */
import { existsSync, lstatSync, readFileSync, statSync } from 'node:fs'
import type { HomeLayout } from '../home/layout.ts'
import { fitsInHome } from '../home/socket-path.ts'
import { readUpFile } from '../home/up-file.ts'
import { sentenceOf } from '../output/sentence.ts'
import { lockHolder } from '../up/lock.ts'
import { type Finding, ok, problem, warning } from './diagnose.ts'

export function* examineHome(layout: HomeLayout): Generator<Finding> {
  const { home } = layout
  if (!existsSync(home)) {
    yield problem(
      'home',
      `${home} is not there`,
      'start an installation with `hopbine up`, or give --home DIR',
    )
    return
  }
  yield owner(layout)
  yield format(layout)
  yield* secrets(layout)
  yield socketPath(layout)
  yield running(layout)
}

function owner({ home }: HomeLayout): Finding {
  const { uid } = statSync(home)
  const me = process.getuid?.() ?? uid
  if (uid === me) return ok('home', home)
  return problem('home', `${home} belongs to user ${uid}, you are ${me}`, 'give your own with --home DIR')
}

function format({ formatFile, home }: HomeLayout): Finding {
  if (!existsSync(formatFile)) {
    return problem(
      'format',
      `${home} is not a home of Hopbine`,
      'start one there with `hopbine up --home DIR`',
    )
  }
  try {
    const { format: number } = JSON.parse(readFileSync(formatFile, 'utf8')) as { format?: unknown }
    if (number === 1) return ok('format', 'version 1')
    return problem('format', `version ${JSON.stringify(number)} is unknown here`, 'use a newer Hopbine')
  } catch (error) {
    const reason = sentenceOf(error) ?? String(error)
    return problem('format', `${formatFile} is damaged (${reason})`, 'put back {"format": 1}')
  }
}

function* secrets(layout: HomeLayout): Generator<Finding> {
  const places = [
    [layout.runFolder, 0o700],
    [layout.secretsFolder, 0o700],
    [layout.tokenFile, 0o600],
  ] as const
  for (const [path, mode] of places) {
    if (!existsSync(path)) {
      yield warning('secrets', `${path} is not there`, 'the next `hopbine up` makes it')
    } else if ((lstatSync(path).mode & 0o777 & ~mode) !== 0) {
      const remedy = `chmod ${mode.toString(8)} ${path}`
      yield problem('secrets', `${path} can be read by others`, remedy)
    } else yield ok('secrets', `${path} is private`)
  }
}

function socketPath(layout: HomeLayout): Finding {
  if (fitsInHome(layout, 'namenode.sock')) return ok('socket', 'its path fits')
  return warning(
    'socket',
    "the home's path is too long for a Unix socket, a short one in the temporary folder is used",
    'choose a shorter home if the temporary folder is cleaned while Hopbine runs',
  )
}

function running(layout: HomeLayout): Finding {
  const holder = lockHolder(layout.lockFile)
  const hasUpFile = readUpFile(layout) !== undefined
  if (holder !== undefined) {
    if (hasUpFile) return ok('up', `runs as process ${holder.pid}`)
    return warning(
      'up',
      `process ${holder.pid} is starting or stopping`,
      `read the logs in ${layout.logsFolder}`,
    )
  }
  const traces = hasUpFile ? ' (it ended without cleaning up: a crash or kill -9)' : ''
  return problem('up', `does not run on this home${traces}`, 'start it: hopbine up')
}
