/** Programs that people run on whole trees. */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { BenchError } from '../failure.ts'
import { type Acted, act } from './actors.ts'
import { npmHindrance } from './npm-project.ts'
import { type Ran, runProgram } from './program.ts'
import { NEEDLE } from './source.ts'
import { type MountWorkload, need, type Place } from './workload.ts'

const TREE = 'tree'
const CLONE = 'clone'
const COPY = 'copy'
const REMOVED = 'removed'
const REMOVED_FOLDERS = 10

/** In this order: later ones use what earlier ones made. */
export const TREE_WORKLOADS: readonly MountWorkload[] = [
  {
    name: 'untar',
    sentence: 'Unpack a source tree with tar.',
    figure: 'seconds',
    prepare: ({ source }) => source.warm(),
    run: unpack,
  },
  {
    name: 'clone',
    sentence: 'git clone of the same tree.',
    figure: 'seconds',
    prepare: ({ source }) => source.warm(),
    run: clone,
  },
  {
    name: 'status',
    sentence: 'git status of the clone.',
    figure: 'seconds',
    prepare: place => need(place, CLONE, () => clone(place)),
    run: status,
  },
  {
    name: 'copy',
    sentence: 'cp -r of the tree.',
    figure: 'seconds',
    prepare: needTree,
    run: async place => ofTree(place, await runProgram(['cp', '-r', TREE, COPY], place.folder)),
  },
  {
    name: 'npm',
    sentence: 'npm ci of a project, from a cache outside.',
    figure: 'seconds',
    hindrance: npmHindrance,
    prepare: ({ source }) => source.npmProject(),
    run: installPackages,
  },
  {
    name: 'find',
    sentence: 'find of the tree.',
    figure: 'seconds',
    isCold: true,
    prepare: needTree,
    run: find,
  },
  { name: 'grep', sentence: 'grep -r of it.', figure: 'seconds', isCold: true, prepare: needTree, run: grep },
  {
    name: 'du',
    sentence: 'du -s of it.',
    figure: 'seconds',
    isCold: true,
    prepare: needTree,
    run: async place => ofTree(place, await runProgram(['du', '-s', TREE], place.folder)),
  },
  {
    name: 'rm',
    sentence: 'rm -rf of many empty files.',
    figure: 'seconds',
    prepare: place => need(place, REMOVED, () => fill(place)),
    run: async place => {
      const ran = await runProgram(['rm', '-rf', REMOVED], place.folder)
      return acted(ran, place.sizes.removedFiles)
    },
  },
]

function acted({ elapsedMs, cpuMicros }: Ran, operations: number): Acted {
  return { elapsedMs, cpuMicros, operations }
}

function ofTree(place: Place, ran: Ran): Acted {
  return acted(ran, place.source.files)
}

function needTree(place: Place): Promise<void> {
  return need(place, TREE, () => unpack(place))
}

async function unpack(place: Place): Promise<Acted> {
  return ofTree(place, await runProgram(['tar', '-xf', place.source.archive], place.folder))
}

/** As over a network: packed and unpacked, nothing linked or copied. */
async function clone(place: Place): Promise<Acted> {
  const words = ['git', 'clone', '--quiet', '--no-local', place.source.repository, CLONE]
  return ofTree(place, await runProgram(words, place.folder))
}

async function status(place: Place): Promise<Acted> {
  const folder = join(place.folder, CLONE)
  const ran = await runProgram(['git', '-c', 'safe.directory=*', 'status', '--porcelain'], folder)
  if (ran.out !== '') throw new BenchError(`git sees changes in a fresh clone: ${ran.out.slice(0, 100)}`)
  return ofTree(place, ran)
}

async function installPackages({ folder, source }: Place): Promise<Acted> {
  const project = await source.npmProject()
  const path = join(folder, 'npm')
  await mkdir(path)
  return acted(await project.install(path), project.files)
}

async function find(place: Place): Promise<Acted> {
  const ran = await runProgram(['find', TREE, '-type', 'f'], place.folder)
  expectLines(ran, 'find', place.source.files)
  return ofTree(place, ran)
}

async function grep(place: Place): Promise<Acted> {
  const ran = await runProgram(['grep', '-rl', NEEDLE, TREE], place.folder)
  expectLines(ran, 'grep', place.source.needles)
  return ofTree(place, ran)
}

function expectLines({ out }: Ran, program: string, expected: number): void {
  const lines = out.split('\n').length - 1
  if (lines !== expected) throw new BenchError(`${program} found ${lines} files, not ${expected}`)
}

function fill({ folder, sizes }: Place): Promise<Acted> {
  const files = Math.ceil(sizes.removedFiles / REMOVED_FOLDERS)
  const folders = Array.from({ length: REMOVED_FOLDERS }, (_, index) =>
    join(folder, REMOVED, `part-${index}`),
  )
  return act(folders.map(path => ({ action: 'create', folder: path, files })))
}
