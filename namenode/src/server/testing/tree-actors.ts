/** Who takes the steps of the model test: plain clients, and lease holders. Test only. */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { writeInline } from '@hopbine/common/protocol/directory-leases.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import { KIND } from '@hopbine/common/protocol/types.ts'
import type { RpcClient } from '@hopbine/common/rpc/client.ts'
import { inodePath, queued } from '../../testing/test-queue.ts'
import { type LeaseHolder, type LocalEntry, localEntry } from './lease-holder.ts'
import { INODES, type MakingStep, type RenameStep, type TreeStep } from './plain-tree.ts'

export interface Outcome {
  readonly text: string
  /** Of what was made; 0: nothing was. */
  readonly id: number
  /** Answered without the server. */
  readonly isLocal: boolean
}

const NEW = { mode: 0o644, createParents: false, replication: 1, blockSize: 0 }
const MODE = { create: rpc.IF_EXISTS.fail, put: rpc.IF_EXISTS.overwrite } as const

const ok = (id = 0, isLocal = false): Outcome => ({ text: 'ok', id, isLocal })
const told = (text: string, isLocal = false): Outcome => ({ text, id: 0, isLocal })
const factsOf = (kind: number, size: number): string =>
  kind === KIND.directory ? 'directory' : `file of ${size}`

/** Takes a step by calls that are answered by the server. */
export async function callStep(client: RpcClient, step: TreeStep): Promise<Outcome> {
  try {
    return await called(client, step)
  } catch (error) {
    if (!isFsError(error)) throw error
    return told(error.code === 'STALE' ? 'NOT_FOUND' : error.code)
  }
}

async function called(client: RpcClient, step: TreeStep): Promise<Outcome> {
  const within = (at: string, name: string): string => (at === '/' ? `/${name}` : `${at}/${name}`)
  const path = 'name' in step ? within(step.at, step.name) : step.at
  switch (step.op) {
    case 'mkdir':
      return ok((await client.call(rpc.mkdir, { path, mode: 0o755 })).status.id)
    case 'create':
    case 'put': {
      const inline = Buffer.from(step.content)
      return ok((await client.call(rpc.create, { path, ...NEW, ifExists: MODE[step.op], inline })).status.id)
    }
    case 'remove':
      await client.call(rpc.remove, { path, recursive: false, only: rpc.REMOVE.any })
      return ok()
    case 'rename':
      await client.call(rpc.rename, {
        from: path,
        to: within(step.to, step.toName),
        mode: rpc.RENAME.replace,
      })
      return ok()
    case 'read': {
      const { inline } = await client.call(rpc.open, { path, offset: 0, length: 1000 })
      return told(`content ${Buffer.from(inline ?? []).toString()}`)
    }
    case 'stat': {
      const { status } = await client.call(rpc.stat, { path, followLast: false })
      return told(factsOf(status.kind, status.size))
    }
    case 'list': {
      const { entries } = await client.call(rpc.list_, { path, after: '', max: 0 })
      return told(entries.map(({ name, kind, size }) => `${name} ${factsOf(kind, size)}`).join(', '))
    }
    case 'summary': {
      const { files, directories, bytes } = await client.call(rpc.summary, { path })
      return told(`${files} files, ${directories} directories, ${bytes} bytes`)
    }
  }
}

/** Calls the server for every step. */
export class PlainActor {
  readonly client: RpcClient
  /** Directories that it saw by their names, so that it may speak of them by their inodes. */
  readonly seen = new Set<number>([1])

  constructor(client: RpcClient) {
    this.client = client
  }

  /** Id of the directory at a path. */
  async look(path: string): Promise<number> {
    const { status } = await this.client.call(rpc.stat, { path, followLast: false })
    this.seen.add(status.id)
    return status.id
  }

  take(step: TreeStep, _wants: boolean): Promise<Outcome> {
    return callStep(this.client, step)
  }
}

/** Takes the steps that it can from what it holds, and the others after it handed everything in. */
export class HoldingActor extends PlainActor {
  readonly holder: LeaseHolder

  constructor(holder: LeaseHolder) {
    super(holder.client)
    this.holder = holder
  }

  /** `wants`: asks for the lease of the directory first if it has none. */
  override async take(step: TreeStep, wants: boolean): Promise<Outcome> {
    const { holder } = this
    const at = idOf(step.at)
    if (wants && !holder.held.has(at) && this.seen.has(at)) await this.#ask(at)
    const local = this.#local(step)
    if (local !== undefined) return local
    const changed = step.op === 'rename' ? [at, idOf(step.to)] : [at]
    const isRead = ['read', 'stat', 'list', 'summary'].includes(step.op)
    for (const id of isRead ? [] : changed) if (holder.held.has(id)) await holder.release(id)
    await holder.flush()
    return callStep(holder.client, step)
  }

  override async look(path: string): Promise<number> {
    await this.holder.flush()
    return super.look(path)
  }

  async #ask(id: number): Promise<void> {
    try {
      await this.holder.acquire(id)
    } catch (error) {
      if (!isFsError(error, 'STALE')) throw error
    }
  }

  /** The answer from what is held; undefined: it cannot be told from that. Nothing in here waits. */
  #local(step: TreeStep): Outcome | undefined {
    const at = idOf(step.at)
    const entries = this.holder.held.get(at)
    if (entries === undefined || step.op === 'summary') return undefined
    if (step.op === 'list') {
      const names = [...entries.keys()].sort()
      const text = names.map(name => `${name} ${entryFacts(entries.get(name) as LocalEntry)}`).join(', ')
      return told(text, true)
    }
    const entry = entries.get(step.name)
    if (step.op === 'rename') return this.#rename(step, entries, entry)
    if (step.op === 'create' || step.op === 'mkdir') {
      if (entry === undefined) return this.#make(step, at, entries)
      const isDirectory = step.op === 'create' && entry.kind === KIND.directory
      return told(isDirectory ? 'IS_A_DIRECTORY' : 'ALREADY_EXISTS', true)
    }
    if (step.op === 'put' && entry === undefined) return this.#make(step, at, entries)
    if (entry === undefined) return told('NOT_FOUND', true)
    if (step.op === 'stat') return told(entryFacts(entry), true)
    if (step.op === 'put') return this.#put(entry, step.content)
    return step.op === 'read' ? this.#read(entry) : this.#remove(at, step.name, entries, entry)
  }

  #make(step: MakingStep, at: number, entries: Map<string, LocalEntry>): Outcome {
    const { holder } = this
    const inodeId = holder.nextId()
    const path = inodePath(at, step.name)
    if (step.op === 'mkdir') {
      entries.set(step.name, localEntry(inodeId))
      holder.held.set(inodeId, new Map())
      this.seen.add(inodeId)
      holder.push(queued(rpc.mkdir, { path, mode: 0o755 }, { inodeId }))
      return ok(inodeId, true)
    }
    const { content } = step
    entries.set(step.name, localEntry(inodeId, content))
    const request = { path, ...NEW, ifExists: rpc.IF_EXISTS.fail, inline: Buffer.from(content) }
    holder.push(queued(rpc.create, request, { inodeId }))
    return ok(inodeId, true)
  }

  #put(entry: LocalEntry, content: string): Outcome {
    if (entry.kind === KIND.directory) return told('IS_A_DIRECTORY', true)
    entry.size = content.length
    entry.content = content
    this.holder.push(queued(writeInline, { inodeId: entry.id, inline: Buffer.from(content) }))
    return ok(0, true)
  }

  #read(entry: LocalEntry): Outcome | undefined {
    if (entry.kind === KIND.directory) return told('IS_A_DIRECTORY', true)
    return entry.content === undefined ? undefined : told(`content ${entry.content}`, true)
  }

  #remove(
    at: number,
    name: string,
    entries: Map<string, LocalEntry>,
    entry: LocalEntry,
  ): Outcome | undefined {
    const { held } = this.holder
    if (entry.kind === KIND.directory) {
      const inside = held.get(entry.id)
      if (inside === undefined) return undefined
      if (inside.size > 0) return told('NOT_EMPTY', true)
      held.delete(entry.id)
    }
    entries.delete(name)
    this.holder.push(
      queued(rpc.remove, { path: inodePath(at, name), recursive: false, only: rpc.REMOVE.any }),
    )
    return ok(0, true)
  }

  #rename(
    { at, name, to, toName }: RenameStep,
    from: Map<string, LocalEntry>,
    source: LocalEntry | undefined,
  ): Outcome | undefined {
    const target = this.holder.held.get(idOf(to))
    if (target === undefined) return undefined
    if (source === undefined) return told('NOT_FOUND', true)
    const existing = target.get(toName)
    if (source.kind === KIND.directory || existing?.kind === KIND.directory) return undefined
    if (existing?.id === source.id) return ok(0, true)
    from.delete(name)
    target.set(toName, source)
    const paths = { from: inodePath(idOf(at), name), to: inodePath(idOf(to), toName) }
    this.holder.push(queued(rpc.rename, { ...paths, mode: rpc.RENAME.replace }))
    return ok(0, true)
  }
}

function entryFacts({ kind, size }: LocalEntry): string {
  return factsOf(kind, size)
}

/** Of an inode path; nothing is called 0. */
function idOf(path: string): number {
  return path.startsWith(INODES) ? Number(path.slice(INODES.length)) : 0
}
