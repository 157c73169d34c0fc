/**
 * What an actor does with files, by system calls that wait: one call in flight, as most programs have it.
 * Each function returns a thunk that is measured; opening and drawing of random numbers lies before it. It
 * throws when what is read is not what was written.
 */
import {
  closeSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  readSync,
  renameSync,
  statSync,
  unlinkSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { CHUNK_BYTES, FileContent } from '../../load/file-content.ts'
import { SeededRandom } from '../../load/random.ts'
import type { Work } from './messages.ts'
import { runTransactions } from './transactions.ts'

interface Files {
  readonly folder: string
  readonly files: number
}

type WorkOf<Action extends Work['action']> = Extract<Work, { readonly action: Action }>

interface Stream {
  readonly path: string
  readonly mebibytes: number
}

/** Answers how many operations it did. */
export type Measured = () => number

const SEED = 4
/** Each chunk of a stream begins with its number. */
const NUMBER_BYTES = 8

export function prepareWork(work: Work): Measured {
  switch (work.action) {
    case 'create':
      return createFiles(work)
    case 'rename':
      return () => each(work, name => renameSync(name, `${name}.moved`))
    case 'unlink':
      return () => each(work, unlinkSync)
    case 'stat':
      return () => statFiles(work)
    case 'write':
      return writeFiles(work)
    case 'read':
      return readFiles(work)
    case 'sqlite':
      return () => runTransactions(work.folder, work.journal, work.transactions)
    case 'stream-write':
      return () => writeStream(work)
    case 'stream-read':
      return () => readStream(work)
  }
}

/** The name of file number `index` of a phase. */
export function fileName(folder: string, index: number): string {
  return join(folder, `file-${String(index).padStart(6, '0')}`)
}

function each({ folder, files }: Files, action: (name: string) => void): number {
  for (let index = 0; index < files; index++) action(fileName(folder, index))
  return files
}

function createFiles(work: Files): Measured {
  mkdirSync(work.folder, { recursive: true })
  return () => each(work, name => closeSync(openSync(name, 'wx')))
}

function statFiles(work: WorkOf<'stat'>): number {
  for (let time = 0; time < work.times; time++) each(work, statSync)
  return work.files * work.times
}

function writeFiles(work: WorkOf<'write'>): Measured {
  mkdirSync(work.folder, { recursive: true })
  const common = contentOf(work.bytes)
  return () =>
    each(work, name => {
      const file = openSync(name, 'wx')
      writeWhole(file, numbered(common, name))
      if (work.sync) fsyncSync(file)
      closeSync(file)
    })
}

/** In random order, each once. */
function readFiles({ folder, files, bytes }: WorkOf<'read'>): Measured {
  const random = new SeededRandom(SEED)
  const order = Array.from({ length: files }, (_, index) => ({ index, key: random.word() }))
  order.sort((left, right) => left.key - right.key)
  const common = contentOf(bytes)
  return () => {
    for (const { index } of order) {
      const name = fileName(folder, index)
      if (!readFileSync(name).equals(numbered(common, name))) {
        throw new Error(`${name} does not hold what was written`)
      }
    }
    return files
  }
}

function contentOf(bytes: number): Buffer {
  return new FileContent().chunk(0).subarray(0, bytes)
}

function writeWhole(file: number, bytes: Buffer): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at)
}

/** The end of its name makes each file's content its own. */
function numbered(common: Buffer, name: string): Buffer {
  common.write(name.slice(-6), 0, 'latin1')
  return common
}

function writeStream({ path, mebibytes }: Stream): number {
  const chunk = new FileContent().chunk(0)
  const file = openSync(path, 'w')
  for (let number = 0; number < mebibytes; number++) {
    chunk.writeDoubleLE(number)
    writeWhole(file, chunk)
  }
  fsyncSync(file)
  closeSync(file)
  return mebibytes
}

/** Compares the first chunk and the last one whole, and the number of each other one. */
function readStream({ path, mebibytes }: Stream): number {
  const expected = new FileContent().chunk(0)
  const file = openSync(path, 'r')
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let number = 0; number < mebibytes; number++) {
    for (let at = 0; at < CHUNK_BYTES; ) {
      const bytes = readSync(file, chunk, at, CHUNK_BYTES - at, null)
      if (bytes === 0) throw new Error(`${path} ends in MiB ${number} of ${mebibytes}`)
      at += bytes
    }
    expected.writeDoubleLE(number)
    const compared = number === 0 || number === mebibytes - 1 ? CHUNK_BYTES : NUMBER_BYTES
    if (chunk.compare(expected, 0, compared, 0, compared) !== 0) {
      throw new Error(`${path} does not hold what was written in MiB ${number}`)
    }
  }
  closeSync(file)
  return mebibytes
}
