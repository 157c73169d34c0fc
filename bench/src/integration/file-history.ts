/**
 * Random steps on a directory as programs take them, which mean the same on any filesystem; so that a mount
 * can be held against a local disk. Test only.
 */
import * as fs from 'node:fs/promises'
import { join } from 'node:path'
import type { SeededNumbers } from '@hopbine/common/testing/random-runs.ts'

const NAMES = ['a', 'b', 'c', 'd']
const PATHS = [...NAMES, ...NAMES.flatMap(name => NAMES.map(other => `${name}/${other}`))]
const SIZES = [0, 1, 500, 5_000, 70_000]

type Step = (root: string) => Promise<unknown>

export class FileHistory {
  readonly #random: SeededNumbers

  constructor(random: SeededNumbers) {
    this.#random = random
  }

  /** The next step, and which of so many actors takes it. */
  draw(actors: number): { step: Step; what: string; actor: number } {
    const [path, other] = [this.#pick(PATHS), this.#pick(PATHS)]
    const size = this.#pick(SIZES)
    const mode = this.#pick([0o600, 0o644, 0o755])
    const byte = this.#random.next(256)
    const what = this.#pick(Object.keys(STEPS))
    const step: Step = root => (STEPS[what] as Kind)({ root, path, other, size, mode, byte })
    return { step, what: `${what} ${path} ${other} ${size}`, actor: this.#random.next(actors) }
  }

  /** What a program would see of a step: its result, or the error's name. */
  async run(step: Step, root: string): Promise<string> {
    try {
      return JSON.stringify((await step(root)) ?? 'done')
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === undefined) throw error
      return code
    }
  }

  #pick<T>(from: readonly T[]): T {
    return from[this.#random.next(from.length)] as T
  }
}

interface Facts {
  readonly root: string
  readonly path: string
  readonly other: string
  readonly size: number
  readonly mode: number
  readonly byte: number
}

type Kind = (facts: Facts) => Promise<unknown>

const STEPS: Readonly<Record<string, Kind>> = {
  write: ({ root, path, size, byte }) => fs.writeFile(join(root, path), Buffer.alloc(size, byte)),
  append: ({ root, path, size, byte }) => fs.appendFile(join(root, path), Buffer.alloc(size, byte)),
  read: async ({ root, path }) => {
    const content = await fs.readFile(join(root, path))
    let sum = 0
    for (const byte of content) sum = (sum * 31 + byte) % 1_000_003
    return [content.length, sum]
  },
  mkdir: ({ root, path }) => fs.mkdir(join(root, path)),
  mkdirAgain: ({ root, path }) => fs.mkdir(join(root, path)),
  unlink: ({ root, path }) => fs.unlink(join(root, path)),
  rmdir: ({ root, path }) => fs.rmdir(join(root, path)),
  rename: ({ root, path, other }) => fs.rename(join(root, path), join(root, other)),
  link: ({ root, path, other }) => fs.link(join(root, path), join(root, other)),
  symlink: ({ root, path }) => fs.symlink('nowhere', join(root, path)),
  readlink: ({ root, path }) => fs.readlink(join(root, path)),
  chmod: ({ root, path, mode }) => fs.chmod(join(root, path), mode),
  truncate: ({ root, path, size }) => fs.truncate(join(root, path), size),
  list: async ({ root, path }) => (await fs.readdir(join(root, path))).sort(),
  listTop: async ({ root }) => (await fs.readdir(root)).sort(),
  stat: async ({ root, path }) => {
    const status = await fs.lstat(join(root, path))
    const size = status.isDirectory() ? 0 : status.size
    return [status.mode.toString(8), status.nlink, size]
  },
  exclusive: async ({ root, path, mode }) => {
    const file = await fs.open(join(root, path), 'wx', mode)
    await file.close()
  },
}
