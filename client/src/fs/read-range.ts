/**
 * Reads ranges of a file: as a sequence of buffers with bounded read-ahead, or into memory that the caller
 * gives. Holes are zeros. It never reads beyond the size that the namenode last told.
 */
import { FsError, isFsError } from '@hopbine/common/base/errors.ts'
import type { Extent, LocatedBlock } from '@hopbine/common/protocol/types.ts'
import type { ReadBlockOptions } from '../blocks/block-io.ts'
import { readBlock, readBlockInto } from '../blocks/block-reader.ts'
import { checkAbort } from './abort.ts'
import type { FileMap, Window } from './file-map.ts'
import type { CallOptions } from './options.ts'
import { inParallel } from './parallel.ts'
import { type BlockRead, type Gather, planSteps, type Step } from './read-plan.ts'
import type { Session } from './session.ts'

/** Gathers that are in progress or wait to be taken, behind the one being taken; each holds up to 8 MiB. */
const AHEAD_MAX = 2
/** Block reads of one gather in progress at a time. */
const READS_MAX = 8
/** Steps of one positional read in progress at a time. */
const STEPS_MAX = 4
/** Zeros of a hole handed out at a time, in bytes. */
const HOLE_BYTES_MAX = 1024 * 1024
/** How long a read may wait for datanodes that are away, as for the time of a restart, in milliseconds. */
const PATIENCE_MS = 10_000
/** Fresh starts after the file changed under the reader, without a byte in between. */
const RESTARTS_MAX = 3
/** Failures that a fresh look at the extents may mend. */
const CHANGED_CODES = ['STALE', 'BLOCK_NOT_FOUND', 'BAD_CAPABILITY'] as const

/** What reading needs to know of the file. */
export interface Source {
  readonly session: Session
  readonly map: FileMap
}

/** Bytes that came with the answer. */
interface Inline {
  readonly kind: 'inline'
  readonly offset: number
  readonly length: number
  readonly bytes: Buffer
}

interface Planned {
  readonly step: Step | Inline
  readonly window: Window
}

/** The bytes from `start` up to `end`, or to the file's end if that comes first. */
export async function* readRange(
  source: Source,
  start: number,
  end: number,
  call: CallOptions,
): AsyncGenerator<Buffer> {
  const { map } = source
  let at = start
  let restarts = 0
  while (at < Math.min(end, map.status.size)) {
    checkAbort(call.signal)
    try {
      for await (const bytes of readSteps(source, at, end, call)) {
        at += bytes.length
        restarts = 0
        yield bytes
      }
    } catch (error) {
      restarts += 1
      if (restarts > RESTARTS_MAX || !CHANGED_CODES.some(code => isFsError(error, code))) throw error
      map.invalidate()
    }
  }
}

/** Fills `target` from `position` on; returns how many bytes there were before the file's end. */
export async function readInto(
  source: Source,
  target: Buffer,
  position: number,
  call: CallOptions,
): Promise<number> {
  const { map } = source
  for (let restarts = 0; ; restarts++) {
    checkAbort(call.signal)
    const length = Math.max(Math.min(target.length, map.status.size - position), 0)
    if (length === 0) return 0
    try {
      for (let at = position; at < position + length; ) {
        const window = await map.window(at, call)
        const end = Math.min(window.end, position + length)
        await inParallel(planWindow(window, at, end), STEPS_MAX, step =>
          fillStep(source, { step, window }, slice(target, position, step), call),
        )
        at = end
      }
      return length
    } catch (error) {
      if (restarts >= RESTARTS_MAX || !CHANGED_CODES.some(code => isFsError(error, code))) throw error
      map.invalidate()
    }
  }
}

/** One pass over the steps, with the gathers behind the present step already on their way. */
async function* readSteps(
  source: Source,
  start: number,
  end: number,
  call: CallOptions,
): AsyncGenerator<Buffer> {
  const ahead: Array<{ planned: Planned; gathered: Promise<Buffer> | undefined }> = []
  const plan = planAll(source.map, start, end, call)
  try {
    for (let isMore = true; ; ) {
      while (isMore && ahead.length <= AHEAD_MAX) {
        const next = await plan.next()
        if (next.done) isMore = false
        else ahead.push({ planned: next.value, gathered: startGather(source, next.value, call) })
      }
      const first = ahead.shift()
      if (first === undefined) return
      if (first.gathered !== undefined) yield await first.gathered
      else yield* streamStep(source, first.planned, call)
    }
  } finally {
    // What was started is awaited, so that nothing runs on when the reader has gone.
    await Promise.allSettled(ahead.map(({ gathered }) => gathered))
  }
}

async function* planAll(
  map: FileMap,
  start: number,
  end: number,
  call: CallOptions,
): AsyncGenerator<Planned> {
  let asked = map.window(start, call)
  for (let at = start; at < Math.min(end, map.status.size); ) {
    const window = await asked
    const until = Math.min(window.end, end, map.status.size)
    if (until < Math.min(end, map.status.size)) {
      // Asked for while this one is being read: a much cut file has many windows.
      asked = map.window(until, call)
      asked.catch(() => undefined)
    }
    for (const step of planWindow(window, at, until)) yield { step, window }
    at = Math.max(until, at)
  }
}

/** The steps of a range within one window. */
function* planWindow(window: Window, start: number, end: number): Generator<Step | Inline> {
  const bytes = window.inline?.subarray(start, end)
  const inlineLength = bytes?.length ?? 0
  if (bytes !== undefined && inlineLength > 0) {
    yield { kind: 'inline', offset: start, length: inlineLength, bytes }
  }
  yield* planSteps(window.extents, start + inlineLength, end)
}

function startGather(source: Source, planned: Planned, call: CallOptions): Promise<Buffer> | undefined {
  const { step } = planned
  if (step.kind !== 'gather') return undefined
  const target = Buffer.allocUnsafeSlow(step.length)
  const gathered = fillStep(source, planned, target, call).then(() => target)
  // Awaited when its turn comes; until then a failure is not lost, only not looked at.
  gathered.catch(() => undefined)
  return gathered
}

async function* streamStep(source: Source, planned: Planned, call: CallOptions): AsyncGenerator<Buffer> {
  const { step, window } = planned
  if (step.kind === 'run') {
    const options = blockOptions(source, step.blockId, step.offset, call)
    const block = blockOf(window, step.blockId)
    yield* readBlock(source.session.blocks, block, step.blockOffset, step.length, options)
    return
  }
  if (step.kind === 'inline') {
    yield Buffer.from(step.bytes)
    return
  }
  for (let left = step.length; left > 0; left -= HOLE_BYTES_MAX) {
    yield Buffer.alloc(Math.min(left, HOLE_BYTES_MAX))
  }
}

/** Puts the bytes of a step into `target`, which has the step's length. */
async function fillStep(source: Source, planned: Planned, target: Buffer, call: CallOptions): Promise<void> {
  const { step, window } = planned
  if (step.kind === 'hole') {
    target.fill(0)
    return
  }
  if (step.kind === 'inline') {
    step.bytes.copy(target)
    return
  }
  if (step.kind === 'run') {
    const options = blockOptions(source, step.blockId, step.offset, call)
    const block = blockOf(window, step.blockId)
    await readBlockInto(source.session.blocks, block, step.blockOffset, target, options)
    return
  }
  if (step.holeBytes > 0) target.fill(0)
  const fill = (read: BlockRead): Promise<void> => fillRead(source, window, step, read, target, call)
  await inParallel(step.under, READS_MAX, fill)
  await inParallel(step.over, READS_MAX, fill)
}

async function fillRead(
  source: Source,
  window: Window,
  step: Gather,
  read: BlockRead,
  target: Buffer,
  call: CallOptions,
): Promise<void> {
  const { blocks } = source.session
  const { offset } = read.pieces[0] as Extent
  const block = blockOf(window, read.blockId)
  const options = blockOptions(source, read.blockId, offset, call)
  if (read.isStraight) {
    const part = slice(target, step.offset, { offset, length: read.length })
    await readBlockInto(blocks, block, read.blockOffset, part, options)
    return
  }
  const memory = blocks.buffers.take(read.length)
  try {
    const collected = memory.subarray(0, read.length)
    await readBlockInto(blocks, block, read.blockOffset, collected, options)
    for (const piece of read.pieces) {
      const from = piece.blockOffset - read.blockOffset
      collected.copy(target, piece.offset - step.offset, from, from + piece.length)
    }
  } finally {
    blocks.buffers.give(memory)
  }
}

function blockOptions(source: Source, blockId: number, offset: number, call: CallOptions): ReadBlockOptions {
  return {
    signal: call.signal,
    patienceMs: PATIENCE_MS,
    refresh: () => source.map.relocate(blockId, offset, call),
  }
}

/** The member list and capability that came with the extents. */
function blockOf(window: Window, blockId: number): LocatedBlock {
  const block = window.blocks.get(blockId)
  if (block === undefined) throw new FsError('BAD_FRAME', `the namenode named no place for block ${blockId}`)
  return block
}

/** The part of `target`, which stands for the file from `base` on, that a range of the file falls into. */
function slice(target: Buffer, base: number, range: { offset: number; length: number }): Buffer {
  return target.subarray(range.offset - base, range.offset - base + range.length)
}
