/**
 * Builds a tree of empty files as fast as the server takes it: each generator makes its own trees below the
 * base, first the directories, depth by depth, then the files, one call each.
 */
import { create, IF_EXISTS, mkdir } from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { eachOf, type Load, type Step } from '../load.ts'
import type { Job } from '../messages.ts'
import { TreePaths, type TreeShape } from '../tree-shape.ts'

export interface FillSpec {
  readonly name: 'fill'
  readonly shape: TreeShape
  /** `directories` makes no files, `files` finds the directories in place. */
  readonly what: 'all' | 'directories' | 'files'
}

const DIRECTORY_MODE = 0o755
const FILE_MODE = 0o644
const EMPTY = Buffer.alloc(0)

export function fillLoad(spec: FillSpec, job: Job): Load {
  const paths = new TreePaths(spec.shape)
  const isOwn = (directory: number): boolean =>
    Math.floor(directory / paths.treeDirectories) % job.generators === job.generator
  return {
    kinds: ['create'],
    async prepare(rpc) {
      if (spec.what !== 'files') await makeDirectories(rpc, paths, isOwn, job.inFlight)
    },
    next: spec.what === 'directories' ? () => undefined : fileSteps(paths, isOwn),
  }
}

/** A directory's parent was answered before the directory is asked for. */
async function makeDirectories(
  rpc: RpcClient,
  paths: TreePaths,
  isOwn: (directory: number) => boolean,
  inFlight: number,
): Promise<void> {
  const levels: number[][] = []
  for (let index = 0; index < paths.directories; index++) {
    if (!isOwn(index)) continue
    const depth = paths.depthOf(index)
    levels[depth] ??= []
    levels[depth].push(index)
  }
  for (const level of levels) {
    if (level === undefined) continue
    await eachOf(level.length, inFlight, at =>
      rpc.call(mkdir, { path: paths.directory(level[at] as number), mode: DIRECTORY_MODE }),
    )
  }
}

function fileSteps(paths: TreePaths, isOwn: (directory: number) => boolean): Load['next'] {
  const { files, filesPerDirectory } = paths.shape
  let index = 0
  return (): Step | undefined => {
    while (index < files && !isOwn(Math.floor(index / filesPerDirectory))) index += filesPerDirectory
    if (index >= files) return undefined
    const path = paths.file(index)
    index += 1
    return {
      kind: 0,
      async run(rpc) {
        await rpc.call(create, {
          path,
          mode: FILE_MODE,
          ifExists: IF_EXISTS.fail,
          createParents: false,
          replication: 0,
          blockSize: 0,
          inline: EMPTY,
        })
      },
    }
  }
}
