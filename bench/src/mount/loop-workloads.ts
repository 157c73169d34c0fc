/** Small loops of system calls, by one process or by four at once in directories of their own. */
import { join } from 'node:path'
import type { Work } from './actor/messages.ts'
import { act } from './actors.ts'
import { SMALL_FILE_BYTES } from './sizes.ts'
import { type MountWorkload, need, type Place } from './workload.ts'

const SMALL = 'small'
const LARGE = 'large'
const MEASURED = 'measured'
const MANY = 4

export const LOOP_WORKLOADS: readonly MountWorkload[] = [
  {
    name: 'write',
    sentence: 'Files of 10 KiB, written and closed.',
    figure: 'perSecond',
    run: place => act([writing(place, SMALL, false)]),
  },
  {
    name: 'fsync',
    sentence: 'Files of 10 KiB, written, synced and closed.',
    figure: 'perSecond',
    run: place => act([writing(place, 'synced', true)]),
  },
  {
    name: 'read',
    sentence: 'Files of 10 KiB, read in random order.',
    figure: 'perSecond',
    isCold: true,
    prepare: place => need(place, SMALL, () => act([writing(place, SMALL, false)])),
    run: ({ folder, sizes }) =>
      act([
        { action: 'read', folder: join(folder, SMALL), files: sizes.smallFiles, bytes: SMALL_FILE_BYTES },
      ]),
  },
  ...[1, MANY].flatMap(count => [
    names('create', `Empty files created, ${processes(count)}.`, count),
    names('rename', `Files renamed, ${processes(count)}.`, count),
    names('unlink', `Files removed, ${processes(count)}.`, count),
  ]),
  sqlite('DELETE', 'Transactions of SQLite with a rollback journal.'),
  sqlite('WAL', 'Transactions of SQLite with a write-ahead log.'),
  {
    name: 'stat',
    sentence: 'Attributes of the same files again and again.',
    figure: 'perSecond',
    prepare: place => need(place, MEASURED, () => act([{ action: 'create', ...measured(place) }])),
    run: place => act([{ action: 'stat', ...measured(place), times: place.sizes.statTimes }]),
  },
  {
    name: 'stream-write',
    sentence: 'MiB of one large file, synced at its end.',
    figure: 'perSecond',
    run: place => act([streaming(place, 'stream-write')]),
  },
  {
    name: 'stream-read',
    sentence: 'MiB of one large file.',
    figure: 'perSecond',
    isCold: true,
    prepare: place => need(place, LARGE, () => act([streaming(place, 'stream-write')])),
    run: place => act([streaming(place, 'stream-read')]),
  },
]

function writing({ folder, sizes }: Place, name: string, sync: boolean): Work {
  return {
    action: 'write',
    folder: join(folder, name),
    files: sizes.smallFiles,
    bytes: SMALL_FILE_BYTES,
    sync,
  }
}

/** Files of its own for each, made before where they must be there. */
function names(action: 'create' | 'rename' | 'unlink', sentence: string, count: number): MountWorkload {
  const name = `${action}-${count}`
  const works = (place: Place, what: typeof action): Work[] =>
    Array.from({ length: count }, (_, index) => ({
      action: what,
      folder: join(place.folder, `${name}-${index}`),
      files: Math.ceil(place.sizes.names / count),
    }))
  const workload = { name, sentence, figure: 'perSecond' } as const
  if (action === 'create') return { ...workload, run: place => act(works(place, action)) }
  return {
    ...workload,
    prepare: place => act(works(place, 'create')),
    run: place => act(works(place, action)),
  }
}

function processes(count: number): string {
  return count === 1 ? 'one process' : `${count} processes`
}

function sqlite(journal: 'DELETE' | 'WAL', sentence: string): MountWorkload {
  return {
    name: `sqlite-${journal.toLowerCase()}`,
    sentence,
    figure: 'perSecond',
    run: ({ folder, sizes }) =>
      act([{ action: 'sqlite', folder, journal, transactions: sizes.transactions }]),
  }
}

function measured({ folder, sizes }: Place): { readonly folder: string; readonly files: number } {
  return { folder: join(folder, MEASURED), files: sizes.statFiles }
}

function streaming({ folder, sizes }: Place, action: 'stream-write' | 'stream-read'): Work {
  return { action, path: join(folder, LARGE), mebibytes: sizes.mebibytes }
}
