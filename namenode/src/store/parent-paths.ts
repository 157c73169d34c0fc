/**
 * Paths of directories seen lately, with their slots: most requests name files in directories that were named
 * before. Only walks over directories alone are kept, and all of them are forgotten when a directory moves or
 * goes. Rights are not part of it: whoever uses a slot from here checks every directory above it.
 */

/** Paths kept, of some 300 bytes each; the oldest goes first. */
const PATHS_MAX = 32_768

export class ParentPaths {
  readonly #slots = new Map<string, number>()
  #version = 0

  /** Slot of the directory at this path as of `version` of the tree, or -1. */
  get(path: string, version: number): number {
    if (version !== this.#version) {
      this.#slots.clear()
      this.#version = version
    }
    return this.#slots.get(path) ?? -1
  }

  /** Only right after `get` with the same version. */
  put(path: string, slot: number): void {
    if (this.#slots.size >= PATHS_MAX) {
      const [oldest] = this.#slots.keys()
      this.#slots.delete(oldest as string)
    }
    this.#slots.set(path, slot)
  }
}
