/**
 * Compares one directory with what its only user knows of it: every acknowledged file is there with its
 * bytes, nothing that was removed has come back, and the totals of the directory are exact.
 */
import { type FileSystem, isFsError } from '@hopbine/client/index.ts'
import { SeededRandom } from '../random.ts'

export interface CrashCounts {
  /** Operations that were answered well. */
  acknowledged: number
  /** Operations whose outcome nobody told: a server stayed away too long. */
  unanswered: number
  /** Reads that found no datanode. */
  unreadable: number
  verifiedFiles: number
  verifiedBytes: number
  /** Acknowledged files that are gone. */
  lost: number
  wrongContent: number
  /** Names that are there although nobody made them, or although they were removed. */
  wrongNames: number
  wrongTotals: number
}

export function emptyCounts(): CrashCounts {
  return {
    acknowledged: 0,
    unanswered: 0,
    unreadable: 0,
    verifiedFiles: 0,
    verifiedBytes: 0,
    lost: 0,
    wrongContent: 0,
    wrongNames: 0,
    wrongTotals: 0,
  }
}

/** A range that was written, with bytes that follow from a seed. */
export interface Write {
  readonly offset: number
  readonly size: number
  readonly seed: number
}

/** What a file holds: its writes, in order. */
export type Content = readonly Write[]

export interface Knowledge {
  readonly folder: string
  readonly files: ReadonlyMap<string, Content>
  readonly directories: ReadonlySet<string>
  /** Names that an operation without an answer was about. */
  readonly uncertain: ReadonlySet<string>
}

export function sizeOf(content: Content): number {
  return Math.max(0, ...content.map(({ offset, size }) => offset + size))
}

/** The whole file. */
export function bytesOf(content: Content): Buffer {
  const whole = Buffer.alloc(sizeOf(content))
  for (const write of content) writtenBytes(write).copy(whole, write.offset)
  return whole
}

export function writtenBytes({ seed, size }: Write): Buffer {
  const random = new SeededRandom(seed)
  const bytes = Buffer.allocUnsafe(size)
  const whole = size - (size % 4)
  for (let at = 0; at < whole; at += 4) bytes.writeUInt32LE(random.word(), at)
  for (let at = whole; at < size; at++) bytes[at] = random.word() & 0xff
  return bytes
}

export async function verifyFolder(fs: FileSystem, known: Knowledge, counts: CrashCounts): Promise<void> {
  const { folder, files, directories, uncertain } = known
  for await (const { name } of fs.listStatus(folder)) {
    if (files.has(name) || directories.has(name) || uncertain.has(name)) continue
    counts.wrongNames += 1
    complain(`${folder}/${name} is there and should not be`)
  }
  for (const [name, content] of files) {
    if (!uncertain.has(name)) await verifyFile(fs, `${folder}/${name}`, content, counts)
  }
  if (uncertain.size === 0) await verifyTotals(fs, known, counts)
}

async function verifyFile(
  fs: FileSystem,
  path: string,
  content: Content,
  counts: CrashCounts,
): Promise<void> {
  try {
    const found = await fs.readFile(path)
    counts.verifiedFiles += 1
    counts.verifiedBytes += found.length
    if (found.equals(bytesOf(content))) return
    counts.wrongContent += 1
    complain(`${path} holds ${found.length} bytes that are not the ${sizeOf(content)} written`)
  } catch (error) {
    if (!isFsError(error)) throw error
    counts.lost += 1
    complain(`${path} of ${sizeOf(content)} bytes was acknowledged: ${error.code} ${error.message}`)
  }
}

async function verifyTotals(fs: FileSystem, known: Knowledge, counts: CrashCounts): Promise<void> {
  const { folder, files, directories } = known
  const summary = await fs.getContentSummary(folder)
  const bytes = [...files.values()].reduce((sum, content) => sum + sizeOf(content), 0)
  const expected = `${files.size} files, ${directories.size + 1} directories, ${bytes} bytes`
  const found = `${summary.files} files, ${summary.directories} directories, ${summary.bytes} bytes`
  if (found === expected) return
  counts.wrongTotals += 1
  complain(`${folder} counts ${found}; it holds ${expected}`)
}

export function complain(text: string): void {
  process.stderr.write(`crash: ${text}\n`)
}
