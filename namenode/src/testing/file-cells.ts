/** What each byte of a file is, for comparing small files with a model. Test only. */
import type { open } from '@hopbine/common/protocol/metadata.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'

/** One word a byte: `inline:VALUE`, `BLOCK:OFFSET` or `hole`. Fails on ranges that overlap. */
export function cellsOf({ status, inline, extents }: ResponseOf<typeof open>): string[] {
  const cells = Array.from({ length: status.size }, () => 'hole')
  inline?.forEach((byte, at) => {
    cells[at] = `inline:${byte}`
  })
  for (const { offset, length, blockId, blockOffset } of extents) {
    for (let i = 0; i < length; i++) {
      if (cells[offset + i] !== 'hole') throw new Error(`byte ${offset + i} is told twice`)
      cells[offset + i] = `${blockId}:${blockOffset + i}`
    }
  }
  return cells
}
