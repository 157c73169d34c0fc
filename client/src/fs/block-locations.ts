/** Where the parts of a file are, for those who bring the work to the data. It reads no block. */
import { continues } from './extents.ts'
import type { FileMap } from './file-map.ts'
import type { BlockLocation, CallOptions } from './options.ts'

/** Parts of the range in order of the file; inline files and holes have none. */
export async function blockLocations(
  map: FileMap,
  start: number,
  end: number,
  call: CallOptions,
): Promise<BlockLocation[]> {
  const locations: BlockLocation[] = []
  for (let at = start; at < Math.min(end, map.status.size); ) {
    const window = await map.window(at, call)
    for (const { offset, length, blockId, blockOffset } of window.extents) {
      if (offset + length <= at || offset >= end) continue
      // Behind those that hold a copy come those that might, after a repair.
      const nodes = window.blocks.get(blockId)?.members.slice(0, map.status.replication) ?? []
      const last = locations.at(-1)
      const location = { offset, length, blockId, blockOffset, nodes }
      // Windows cut what is one part.
      if (last === undefined || !continues(last, location)) locations.push(location)
      else locations[locations.length - 1] = { ...last, length: last.length + length }
    }
    at = window.end
  }
  return locations
}
