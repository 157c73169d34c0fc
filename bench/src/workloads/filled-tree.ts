/**
 * Makes sure that a tree of a given shape is there. A file beside it names the shape once the tree is whole,
 * so that a later run on the same home finds it and begins at once.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { BenchError } from '../failure.ts'
import { TreePaths, type TreeShape } from '../load/tree-shape.ts'
import type { Bench } from './workload.ts'

/** Calls in flight of all generators together while a tree is filled. */
const FILL_IN_FLIGHT = 512

/** Files of the mix of Spotify stand like this; `files` is the only thing that differs between sizes. */
export function treeOf(base: string, files: number): TreeShape {
  return { base, files, filesPerDirectory: 16, directoriesPerDirectory: 2, depth: 7, nameBytes: 34 }
}

export async function fillTree(
  bench: Bench,
  shape: TreeShape,
  what: 'all' | 'directories' | 'files' = 'all',
): Promise<void> {
  const rpc = await bench.cluster.operator()
  if (what === 'all' && (await stampOf(rpc, shape)) === JSON.stringify(shape)) {
    bench.note(`${shape.base} is there already`)
    return
  }
  if (what !== 'files') {
    await removeTree(bench, shape.base)
    await rpc.call(metadata.mkdirs, { path: shape.base, mode: 0o755 })
  }
  const began = performance.now()
  const { size } = bench.fleet
  const load = { name: 'fill', shape, what } as const
  const totals = await bench.fleet.run({ load, connections: size, inFlight: FILL_IN_FLIGHT })
  if (totals.errors > 0) throw new BenchError(`${shape.base} could not be filled: ${totals.failures[0]}`)
  const { directories } = new TreePaths(shape)
  const seconds = ((performance.now() - began) / 1000).toFixed(1)
  bench.note(`${shape.base}: ${shape.files} files, ${directories} directories in ${seconds} s`)
  if (what !== 'directories') await writeStamp(rpc, shape)
}

/** Removes a tree and its stamp, where they are. */
export async function removeTree(bench: Bench, base: string): Promise<void> {
  await forgetTree(bench, base)
  await removeIfThere(bench, base)
}

/** Removes the stamp only: the tree is about to change. */
export async function forgetTree(bench: Bench, base: string): Promise<void> {
  await removeIfThere(bench, stampPath(base))
}

async function removeIfThere(bench: Bench, path: string): Promise<void> {
  const rpc = await bench.cluster.operator()
  try {
    await rpc.call(metadata.remove, { path, recursive: true, only: metadata.REMOVE.any })
  } catch (error) {
    if (!isFsError(error, 'NOT_FOUND')) throw error
  }
}

function stampPath(base: string): string {
  return `${base}.shape.json`
}

async function stampOf(rpc: RpcClient, shape: TreeShape): Promise<string | undefined> {
  try {
    const path = stampPath(shape.base)
    const { inline } = await rpc.call(metadata.open, { path, offset: 0, length: 4096 })
    return inline === undefined ? undefined : Buffer.from(inline).toString()
  } catch (error) {
    if (isFsError(error, 'NOT_FOUND')) return undefined
    throw error
  }
}

async function writeStamp(rpc: RpcClient, shape: TreeShape): Promise<void> {
  await rpc.call(metadata.create, {
    path: stampPath(shape.base),
    mode: 0o644,
    ifExists: metadata.IF_EXISTS.overwrite,
    createParents: false,
    replication: 0,
    blockSize: 0,
    inline: Buffer.from(JSON.stringify(shape)),
  })
}
