/**
 * What is unpacked and cloned: a tree like that of a program's sources, as a tar archive and as a git
 * repository. It is made from a seed, so it is the same on every machine. Sizes are lognormal with a median
 * of 2.5 KiB and a few files of a hundred and more.
 */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { SeededRandom } from '../load/random.ts'
import { NpmProject } from './npm-project.ts'
import { runProgram } from './program.ts'
import type { Sizes } from './sizes.ts'
import { sizeOf, textOf } from './source-text.ts'

const SEED = 2
const DEPTH_MAX = 5
/** Stands in one file of every hundred, and nowhere else. */
export const NEEDLE = 'needle-in-the-tree'
const NEEDLE_EVERY = 100

export class Source {
  readonly files: number
  /** Files that hold the needle. */
  readonly needles: number
  readonly #folder: string
  readonly #packages: number
  #npmProject: Promise<NpmProject> | undefined

  private constructor(folder: string, files: number, packages: number) {
    this.#folder = folder
    this.#packages = packages
    this.files = files
    this.needles = Math.ceil(files / NEEDLE_EVERY)
  }

  /** Unpacks into a folder `tree`. */
  get archive(): string {
    return join(this.#folder, 'tree.tar')
  }

  get repository(): string {
    return join(this.#folder, 'repository')
  }

  /** Made when it is first asked for. */
  npmProject(): Promise<NpmProject> {
    this.#npmProject ??= NpmProject.make(join(this.#folder, 'npm'), this.#packages)
    return this.#npmProject
  }

  static async make(sizes: Pick<Sizes, 'treeFiles' | 'treeFolders' | 'packages'>): Promise<Source> {
    const folder = await mkdtemp(join(tmpdir(), 'hopbine-bench-source-'))
    const source = new Source(folder, sizes.treeFiles, sizes.packages)
    try {
      await makeTree(join(folder, 'tree'), sizes)
      const likeAlways = ['--sort=name', '--mtime=@1767225600', '--owner=0', '--group=0', '--numeric-owner']
      await runProgram(['tar', ...likeAlways, '-cf', source.archive, 'tree'], folder)
      await runProgram(['mv', 'tree', 'repository'], folder)
      for (const words of [
        ['init', '--quiet', '--initial-branch=main'],
        ['add', '--all'],
        ['commit', '--quiet', '--message', 'everything'],
        ['gc', '--quiet'],
      ]) {
        await runProgram(['git', ...words], source.repository)
      }
      return source
    } catch (error) {
      await source.remove()
      throw error
    }
  }

  /** Reads it once, so that the disk it lies on is not measured. */
  async warm(): Promise<void> {
    await readFile(this.archive)
    const packs = join(this.repository, '.git', 'objects', 'pack')
    for (const name of await readdir(packs)) await readFile(join(packs, name))
  }

  async remove(): Promise<void> {
    await rm(this.#folder, { recursive: true, force: true })
  }
}

async function makeTree(top: string, sizes: Pick<Sizes, 'treeFiles' | 'treeFolders'>): Promise<void> {
  const random = new SeededRandom(SEED)
  const folders = [{ path: top, depth: 0 }]
  await mkdir(top)
  while (folders.length < sizes.treeFolders) {
    const parent = folders[random.below(folders.length)]
    if (parent === undefined || parent.depth >= DEPTH_MAX) continue
    const path = join(parent.path, `part-${folders.length}`)
    await mkdir(path)
    folders.push({ path, depth: parent.depth + 1 })
  }
  for (let number = 0; number < sizes.treeFiles; number++) {
    const { path } = folders[random.below(folders.length)] as { path: string }
    const needle = number % NEEDLE_EVERY === 0 ? `// ${NEEDLE}\n` : ''
    await writeFile(join(path, `module-${number}.ts`), needle + textOf(random, sizeOf(random)))
  }
}
