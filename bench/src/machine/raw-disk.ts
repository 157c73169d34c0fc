/** The same bytes on the same disk without Hopbine: what throughput is compared with. */
import { type FileHandle, open, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { CHUNK_BYTES, FileContent } from '../load/file-content.ts'
import { dropCaches } from './drop-caches.ts'

export interface RawDisk {
  readonly writeMillis: number
  /** Undefined where the page cache was not to be dropped. */
  readonly coldReadMillis: number | undefined
  readonly warmReadMillis: number
}

export async function measureRawDisk(folder: string, mebibytes: number, cold: boolean): Promise<RawDisk> {
  const path = join(folder, 'raw-disk')
  try {
    const writeMillis = await withFile(path, 'w', file => write(file, mebibytes))
    if (cold) await dropCaches()
    const coldReadMillis = cold ? await withFile(path, 'r', read) : undefined
    const warmReadMillis = await withFile(path, 'r', read)
    return { writeMillis, coldReadMillis, warmReadMillis }
  } finally {
    await rm(path, { force: true })
  }
}

async function withFile(
  path: string,
  flags: string,
  body: (file: FileHandle) => Promise<void>,
): Promise<number> {
  const file = await open(path, flags)
  try {
    const began = performance.now()
    await body(file)
    return performance.now() - began
  } finally {
    await file.close()
  }
}

async function write(file: FileHandle, mebibytes: number): Promise<void> {
  const content = new FileContent()
  for (let number = 0; number < mebibytes; number++) await file.write(content.chunk(number))
  await file.datasync()
}

async function read(file: FileHandle): Promise<void> {
  const chunk = Buffer.alloc(CHUNK_BYTES)
  for (let bytes = 1; bytes > 0; ) ({ bytesRead: bytes } = await file.read(chunk, 0, CHUNK_BYTES, null))
}
