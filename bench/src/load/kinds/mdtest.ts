/**
 * One phase of mdtest: the same operation once for each of a fixed number of files, in a directory of each
 * slot in flight (private) or in one directory for all (shared). Phases of one run agree on names without
 * talking.
 */
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { eachOf, type Load, type Step } from '../load.ts'
import type { Job } from '../messages.ts'

export const MDTEST_PHASES = ['create', 'stat', 'read', 'rename', 'remove'] as const
export type MdtestPhase = (typeof MDTEST_PHASES)[number]

export interface MdtestSpec {
  readonly name: 'mdtest'
  readonly phase: MdtestPhase
  readonly base: string
  readonly layout: 'private' | 'shared'
  /** Of each generator. */
  readonly files: number
  /** `two-calls`: create, then complete. `inline`: the empty file is whole at once. */
  readonly create: 'two-calls' | 'inline'
}

const EMPTY = Buffer.alloc(0)

export function mdtestLoad(spec: MdtestSpec, job: Job): Load {
  const directory = (slot: number): string =>
    spec.layout === 'shared' ? `${spec.base}/shared` : `${spec.base}/private-${job.generator}-${slot}`
  let next = 0
  const taken: number[] = Array.from({ length: job.inFlight }, () => 0)
  return {
    kinds: [spec.phase],
    async prepare(rpc) {
      if (spec.phase !== 'create') return
      await eachOf(job.inFlight, job.inFlight, slot =>
        rpc.call(metadata.mkdirs, { path: directory(slot), mode: 0o755 }),
      )
    },
    next(slot) {
      // In private directories each slot has an equal share, so that every phase finds the names of the
      // first.
      const share = Math.ceil(spec.files / job.inFlight)
      const number = spec.layout === 'private' ? (taken[slot] as number) : next
      if (number >= (spec.layout === 'private' ? share : spec.files)) return undefined
      if (spec.layout === 'private') taken[slot] = number + 1
      else next += 1
      return step(spec, `${directory(slot)}/file-${job.generator}-${String(number).padStart(8, '0')}`)
    },
  }
}

function step(spec: MdtestSpec, path: string): Step {
  const renamed = `${path}-renamed`
  switch (spec.phase) {
    case 'create':
      return { kind: 0, run: rpc => create(spec, path, rpc) }
    case 'stat':
      return { kind: 0, run: rpc => done(rpc.call(metadata.stat, { path, followLast: true })) }
    case 'read':
      return { kind: 0, run: rpc => done(rpc.call(metadata.open, { path, offset: 0, length: 1 })) }
    case 'rename':
      return {
        kind: 0,
        run: rpc =>
          done(rpc.call(metadata.rename, { from: path, to: renamed, mode: metadata.RENAME.noReplace })),
      }
    case 'remove':
      return {
        kind: 0,
        run: rpc =>
          done(rpc.call(metadata.remove, { path: renamed, recursive: false, only: metadata.REMOVE.file })),
      }
  }
}

async function create(spec: MdtestSpec, path: string, rpc: RpcClient): Promise<void> {
  const request = {
    path,
    mode: 0o644,
    ifExists: metadata.IF_EXISTS.fail,
    createParents: false,
    replication: 0,
    blockSize: 0,
  }
  if (spec.create === 'inline') return done(rpc.call(metadata.create, { ...request, inline: EMPTY }))
  const { status } = await rpc.call(metadata.create, request)
  await rpc.call(metadata.complete, { inodeId: status.id, extents: [], size: 0 })
}

async function done(call: Promise<unknown>): Promise<void> {
  await call
}
