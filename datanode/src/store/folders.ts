/**
 * Makes the folders of blocks, and makes names in them durable when a block is synced for the first time, not
 * before: telling the disk costs as much as syncing data.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { fromNodeError } from '@hopbine/common/base/errors.ts'
import { syncFolder } from './disk.ts'
import { type BlockName, blockFolder, GROUPS_FOLDER, groupFolder } from './layout.ts'

export class BlockFolders {
  readonly #dataDir: string
  /** Made, or seen to be there, by this process. */
  readonly #known = new Set<string>()
  /** Folders above blocks whose own entries this process has synced since it last made one in them. */
  readonly #durable = new Set<string>()

  constructor(dataDir: string) {
    this.#dataDir = dataDir
  }

  async make(name: BlockName): Promise<void> {
    const folder = blockFolder(this.#dataDir, name)
    if (this.#known.has(folder)) return
    await mkdir(folder, { recursive: true }).catch(error => {
      throw fromNodeError(error, 'make a folder for blocks')
    })
    this.#known.add(folder)
    // Also when it was there: the process that made it may have died before it said so to the disk.
    for (const above of this.#above(name)) this.#durable.delete(above)
  }

  /** Makes the names of a block's files, and of the folders on the way to them, durable. */
  async sync(name: BlockName): Promise<void> {
    const above = this.#above(name).filter(path => !this.#durable.has(path))
    for (const path of above) this.#durable.add(path)
    try {
      await Promise.all([blockFolder(this.#dataDir, name), ...above].map(syncFolder))
    } catch (error) {
      for (const path of above) this.#durable.delete(path)
      throw error
    }
  }

  #above(name: BlockName): string[] {
    return [join(this.#dataDir, GROUPS_FOLDER), groupFolder(this.#dataDir, name.group)]
  }
}
