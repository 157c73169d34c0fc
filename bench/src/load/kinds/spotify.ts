/**
 * The mix of operations of a namenode at Spotify (Niazi et al., FAST 2017) over a tree that is there already.
 * Reads go to the files of the tree, drawn uniformly; changes go to files that this generator made itself,
 * spread over the same directories, so that nothing that another process reads ever moves. An open reads, a
 * create makes and completes.
 */
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { eachOf, type Load, type Step } from '../load.ts'
import type { Job } from '../messages.ts'
import { SeededRandom } from '../random.ts'
import { nameOf, TreePaths, type TreeShape } from '../tree-shape.ts'

export interface SpotifySpec {
  readonly name: 'spotify'
  readonly shape: TreeShape
  /** Unique to the run: part of the names of everything that it makes. */
  readonly run: string
  /** Files that each generator makes before the measurement, to change them later. */
  readonly ownFiles: number
  /** Weights of the kinds; those that are absent do not occur. */
  readonly mix: Readonly<Partial<Record<MixKind, number>>>
}

/** Share of each kind in the mix, in hundredths of a percent. */
export const SPOTIFY_MIX = {
  open: 6873,
  stat: 1700,
  list: 901,
  create: 270,
  rename: 130,
  delete: 75,
  chown: 32,
  setReplication: 14,
  chmod: 3,
  mkdirs: 2,
} as const
export type MixKind = keyof typeof SPOTIFY_MIX

export const MIX_KINDS = Object.keys(SPOTIFY_MIX) as MixKind[]
const FILE_MODE = 0o644
const PREPARE_IN_FLIGHT = 64

export function spotifyLoad(spec: SpotifySpec, job: Job): Load {
  return new SpotifyLoad(spec, job)
}

interface OwnFile {
  readonly directory: number
  name: string
}

class SpotifyLoad implements Load {
  readonly kinds = MIX_KINDS
  readonly #spec: SpotifySpec
  readonly #paths: TreePaths
  readonly #random: SeededRandom
  readonly #prefix: string
  /** Each kind as often as its weight says. */
  readonly #wheel: Uint8Array
  /** Files that no operation in flight touches. */
  readonly #idle: OwnFile[] = []
  readonly #madeDirectories: string[] = []
  #made = 0

  constructor(spec: SpotifySpec, job: Job) {
    this.#spec = spec
    this.#paths = new TreePaths(spec.shape)
    this.#random = new SeededRandom(job.seed)
    this.#prefix = `${spec.run}-${job.generator}-`
    const weights = MIX_KINDS.map(kind => spec.mix[kind] ?? 0)
    this.#wheel = Uint8Array.from(weights.flatMap((weight, kind) => Array<number>(weight).fill(kind)))
  }

  async prepare(rpc: RpcClient): Promise<void> {
    this.#paths.prepare()
    await eachOf(this.#spec.ownFiles, PREPARE_IN_FLIGHT, () => this.#create(rpc))
  }

  next(): Step {
    const kind = this.#wheel[this.#random.below(this.#wheel.length)] as number
    return { kind, run: rpc => this.#run(MIX_KINDS[kind] as MixKind, rpc) }
  }

  /** Takes away what the run made, so that the tree is again as it was. */
  async finish(rpc: RpcClient): Promise<void> {
    const made = [...this.#idle.map(file => this.#path(file)), ...this.#madeDirectories]
    await eachOf(made.length, PREPARE_IN_FLIGHT, at => {
      const path = made[at] as string
      return rpc.call(metadata.remove, { path, recursive: false, only: metadata.REMOVE.any })
    })
  }

  async #run(kind: MixKind, rpc: RpcClient): Promise<void> {
    switch (kind) {
      case 'open':
        await rpc.call(metadata.open, { path: this.#anyFile(), offset: 0, length: Number.MAX_SAFE_INTEGER })
        return
      case 'stat':
        await rpc.call(metadata.stat, { path: this.#anyFile(), followLast: true })
        return
      case 'list':
        await rpc.call(metadata.list_, { path: this.#anyDirectory(), after: '', max: 1000 })
        return
      case 'create':
        return this.#create(rpc)
      case 'mkdirs':
        return this.#mkdirs(rpc)
      default:
        return this.#change(kind, rpc)
    }
  }

  async #create(rpc: RpcClient): Promise<void> {
    const file = { directory: this.#random.below(this.#paths.directories), name: this.#newName() }
    const { status } = await rpc.call(metadata.create, {
      path: this.#path(file),
      mode: FILE_MODE,
      ifExists: metadata.IF_EXISTS.fail,
      createParents: false,
      replication: 0,
      blockSize: 0,
    })
    await rpc.call(metadata.complete, { inodeId: status.id, extents: [], size: 0 })
    this.#idle.push(file)
  }

  async #mkdirs(rpc: RpcClient): Promise<void> {
    const path = `${this.#anyDirectory()}/${this.#newName()}`
    await rpc.call(metadata.mkdirs, { path, mode: 0o755 })
    this.#madeDirectories.push(path)
  }

  /** Changes a file of our own; where all of them are in use, makes one first. */
  async #change(
    kind: Exclude<MixKind, 'open' | 'stat' | 'list' | 'create' | 'mkdirs'>,
    rpc: RpcClient,
  ): Promise<void> {
    if (this.#idle.length === 0) await this.#create(rpc)
    const file = this.#take()
    const path = this.#path(file)
    if (kind === 'delete') {
      await rpc.call(metadata.remove, { path, recursive: false, only: metadata.REMOVE.any })
      return
    }
    if (kind === 'rename') {
      const name = this.#newName()
      const to = this.#path({ directory: file.directory, name })
      await rpc.call(metadata.rename, { from: path, to, mode: metadata.RENAME.noReplace })
      file.name = name
    } else if (kind === 'chown') {
      await rpc.call(metadata.chown, { path, owner: this.#random.below(2) === 0 ? 'alice' : 'bob' })
    } else if (kind === 'chmod') {
      await rpc.call(metadata.chmod, { path, mode: this.#random.below(2) === 0 ? 0o600 : 0o640 })
    } else {
      await rpc.call(metadata.setReplication, { path, replication: 1 + this.#random.below(3) })
    }
    this.#idle.push(file)
  }

  #take(): OwnFile {
    const at = this.#random.below(this.#idle.length)
    const file = this.#idle[at] as OwnFile
    this.#idle[at] = this.#idle.at(-1) as OwnFile
    this.#idle.pop()
    return file
  }

  #newName(): string {
    const { nameBytes } = this.#spec.shape
    const number = this.#made++
    return (this.#prefix + nameOf('n', number, nameBytes)).slice(0, Math.max(nameBytes, 24))
  }

  #path({ directory, name }: OwnFile): string {
    return `${this.#paths.directory(directory)}/${name}`
  }

  #anyFile(): string {
    return this.#paths.file(this.#random.below(this.#spec.shape.files))
  }

  #anyDirectory(): string {
    return this.#paths.directory(this.#random.below(this.#paths.directories))
  }
}
