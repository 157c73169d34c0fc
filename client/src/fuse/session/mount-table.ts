/**
 * The kernel's table of mounts as this process sees it: /proc/self/mountinfo read and searched. It mounts
 * nothing.
 */
import { readFile } from 'node:fs/promises'

/** Type under which our mounts stand in the table. */
export const MOUNT_TYPE = 'fuse.hopbine'

export interface Mounted {
  readonly mountPoint: string
  readonly type: string
  /** What is mounted, for people. */
  readonly source: string
  /** `MAJOR:MINOR` of its device number. */
  readonly device: string
  /** Options of the mount, as the kernel lists them. */
  readonly options: readonly string[]
}

/** Every mount, in the order made. */
export async function mountTable(): Promise<Mounted[]> {
  return parseMountTable(await readFile('/proc/self/mountinfo', 'utf8'))
}

/** The mount on top at exactly this directory, if one is. */
export function mountAt(table: readonly Mounted[], directory: string): Mounted | undefined {
  return table.findLast(mount => mount.mountPoint === directory)
}

/** proc(5): `ID PARENT MAJOR:MINOR ROOT POINT OPTIONS FIELDS… - TYPE SOURCE SUPEROPTIONS`. */
export function parseMountTable(text: string): Mounted[] {
  const mounts: Mounted[] = []
  for (const line of text.split('\n')) {
    const [before, after] = line.split(' - ')
    const fields = before?.split(' ') ?? []
    const [type, source] = after?.split(' ') ?? []
    const [, , device, , mountPoint, options] = fields
    if (device === undefined || mountPoint === undefined || type === undefined) continue
    mounts.push({
      mountPoint: unescaped(mountPoint),
      type,
      source: unescaped(source ?? ''),
      device,
      options: options?.split(',') ?? [],
    })
  }
  return mounts
}

/** Blanks and backslashes stand as octal numbers. */
function unescaped(text: string): string {
  if (!text.includes('\\')) return text
  return text.replace(/\\([0-7]{3})/g, (_, digits: string) => String.fromCharCode(Number.parseInt(digits, 8)))
}
