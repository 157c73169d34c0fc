/**
 * A tree of directories and files as arithmetic: every path follows from a number, so that many processes
 * agree on it without talking. Directories stand in complete trees side by side below one base; it touches no
 * server.
 */
import { mix } from './random.ts'

export interface TreeShape {
  /** Directory at depth 1 that holds everything. */
  readonly base: string
  readonly files: number
  readonly filesPerDirectory: number
  readonly directoriesPerDirectory: number
  /** Of the deepest directories, with the base at 1; at least 2. */
  readonly depth: number
  readonly nameBytes: number
}

export class TreePaths {
  readonly shape: TreeShape
  readonly directories: number
  /** Directories in one complete tree. */
  readonly treeDirectories: number
  readonly #paths: Array<string | undefined> = []
  readonly #names: Array<string | undefined> = []

  constructor(shape: TreeShape) {
    this.shape = shape
    this.directories = Math.ceil(shape.files / shape.filesPerDirectory)
    let total = 0
    for (let level = 2; level <= shape.depth; level++) total += shape.directoriesPerDirectory ** (level - 2)
    this.treeDirectories = Math.max(total, 1)
  }

  /** How many trees stand side by side; the last one may be incomplete. */
  get trees(): number {
    return Math.ceil(this.directories / this.treeDirectories)
  }

  /** Path of directory 0 … directories − 1; parents have smaller numbers than their children. */
  directory(index: number): string {
    const known = this.#paths[index]
    if (known !== undefined) return known
    const inTree = index % this.treeDirectories
    const { base, directoriesPerDirectory, nameBytes } = this.shape
    const up = Math.floor((inTree - 1) / directoriesPerDirectory)
    const parent = inTree === 0 ? base : this.directory(index - inTree + up)
    const path = `${parent}/${nameOf('d', index, nameBytes)}`
    this.#paths[index] = path
    return path
  }

  /** Depth of a directory, with the base at 1. */
  depthOf(index: number): number {
    let depth = 2
    for (let at = index % this.treeDirectories; at > 0; depth++) {
      at = Math.floor((at - 1) / this.shape.directoriesPerDirectory)
    }
    return depth
  }

  /** Computes every name now, so that none is computed while something is measured. */
  prepare(): void {
    for (let index = 0; index < this.directories; index++) this.directory(index)
    for (let index = 0; index < this.shape.files; index++) this.file(index)
  }

  /** Path of file 0 … files − 1. */
  file(index: number): string {
    let name = this.#names[index]
    if (name === undefined) {
      name = nameOf('f', index, this.shape.nameBytes)
      this.#names[index] = name
    }
    return `${this.directory(Math.floor(index / this.shape.filesPerDirectory))}/${name}`
  }
}

/** A name that follows from a number, unique among the numbers of its letter, of so many characters. */
export function nameOf(letter: string, index: number, nameBytes: number): string {
  let name = letter + index.toString(36).padStart(6, '0')
  for (let word = mix(index + 1); name.length < nameBytes; word = mix(word)) {
    name += word.toString(36).padStart(7, '0')
  }
  return name.slice(0, Math.max(nameBytes, 7))
}
