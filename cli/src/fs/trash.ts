/**
 * The trash, laid out as Hadoop's: what is removed moves to `/user/NAME/.Trash/Current/` under its whole
 * path; `expunge` turns `Current` into a checkpoint named by the time and drops old checkpoints.
 */
import { joinPath, parentPath } from '@hopbine/client/fs/paths.ts'
import { type FileSystem, isFsError } from '@hopbine/client/index.ts'
import { checkpointName } from '../output/times.ts'
import { ShellError } from './path-error.ts'

/** How long a checkpoint is kept before `-expunge` drops it, in milliseconds. */
export const TRASH_KEEP_MS = 24 * 3_600_000

const PRIVATE_MODE = 0o700
/** New names tried for one file whose place in the trash is taken. */
const TRIES_MAX = 8

export class Trash {
  readonly #fs: FileSystem
  readonly #root: string
  readonly #current: string

  constructor(fs: FileSystem) {
    this.#fs = fs
    this.#root = joinPath(fs.homeDirectory, '.Trash')
    this.#current = joinPath(this.#root, 'Current')
  }

  /**
   * Moves a path to the trash and answers where it lies; undefined for a path that is in the trash already.
   */
  async moveIn(path: string): Promise<string | undefined> {
    if (isWithin(path, this.#root) && path !== this.#root) return undefined
    if (isWithin(this.#root, path)) {
      throw new ShellError(`Cannot move "${path}" to the trash, as it contains the trash`)
    }
    try {
      return await this.#move(path)
    } catch (error) {
      if (!isFsError(error)) throw error
      const why = error.message.replace(/\.$/, '')
      const words = `Failed to move to trash: ${path}: ${why}. Consider using -skipTrash option`
      throw new ShellError(words, { cause: error })
    }
  }

  /** Drops checkpoints older than `keepMs`, then makes one of `Current`. Tells each step. */
  async expunge(now: Date, keepMs: number, tell: (what: string) => void): Promise<void> {
    for (const { path, madeAt } of await this.#checkpoints()) {
      if (now.getTime() - madeAt.getTime() < keepMs) continue
      await this.#fs.delete(path, { recursive: true })
      tell(`Deleted trash checkpoint: ${path}`)
    }
    if (!(await this.#fs.exists(this.#current))) return
    const checkpoint = await this.#checkpoint(now)
    if (keepMs > 0) return tell(`Created trash checkpoint: ${checkpoint}`)
    await this.#fs.delete(checkpoint, { recursive: true })
    tell(`Deleted trash checkpoint: ${checkpoint}`)
  }

  async #move(path: string): Promise<string> {
    let target = this.#current + path
    for (let attempt = 1; ; attempt++) {
      try {
        await this.#fs.mkdirs(parentPath(target), { mode: PRIVATE_MODE })
        await this.#fs.rename(path, target)
        return target
      } catch (error) {
        const isTaken = isFsError(error, 'ALREADY_EXISTS') || isFsError(error, 'NOT_A_DIRECTORY')
        if (!isTaken || attempt === TRIES_MAX) throw error
        target = await this.#freeTarget(target)
      }
    }
  }

  /** The target with a number after the name that is in the way: a file on the way, or the last name. */
  async #freeTarget(target: string): Promise<string> {
    const names = target.slice(this.#current.length + 1).split('/')
    let path = this.#current
    for (const [index, name] of names.entries()) {
      path = joinPath(path, name)
      const isLast = index === names.length - 1
      const isInTheWay = isLast || (await this.#isFile(path))
      if (isInTheWay)
        return joinPath(`${path}${Date.now()}`, names.slice(index + 1).join('/')).replace(/\/$/, '')
    }
    return target
  }

  async #isFile(path: string): Promise<boolean> {
    try {
      return !(await this.#fs.getFileStatus(path)).isDirectory()
    } catch (error) {
      if (isFsError(error, 'NOT_FOUND')) return false
      throw error
    }
  }

  async #checkpoints(): Promise<Array<{ path: string; madeAt: Date }>> {
    if (!(await this.#fs.exists(this.#root))) return []
    const found: Array<{ path: string; madeAt: Date }> = []
    for await (const { name, path } of this.#fs.listStatus(this.#root)) {
      const madeAt = checkpointTime(name)
      if (madeAt !== undefined) found.push({ path, madeAt })
    }
    return found
  }

  async #checkpoint(now: Date): Promise<string> {
    const base = joinPath(this.#root, checkpointName(now))
    for (let attempt = 0; ; attempt++) {
      const path = attempt === 0 ? base : `${base}-${attempt}`
      try {
        await this.#fs.rename(this.#current, path)
        return path
      } catch (error) {
        if (!isFsError(error, 'ALREADY_EXISTS') || attempt === TRIES_MAX) throw error
      }
    }
  }
}

/** When a checkpoint of that name was made; undefined for other names. */
export function checkpointTime(name: string): Date | undefined {
  const parts = /^(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(\d\d)(-\d+)?$/.exec(name)?.slice(1, 7).map(Number)
  if (parts === undefined) return undefined
  const [year = 0, month = 1, day = 1, hours = 0, minutes = 0, seconds = 0] = parts
  return new Date(2000 + year, month - 1, day, hours, minutes, seconds)
}

function isWithin(path: string, folder: string): boolean {
  return folder === '/' || path === folder || path.startsWith(`${folder}/`)
}
