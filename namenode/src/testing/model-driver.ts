/**
 * Runs steps on the model and on something real, and compares: whether a request is refused and with which
 * code, and what everybody sees afterwards. Test only.
 */
import assert from 'node:assert/strict'
import { registerDatanode } from '@hopbine/common/protocol/cluster.ts'
import * as rpc from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import type { Extent } from '@hopbine/common/protocol/types.ts'
import type { Principal } from '@hopbine/common/rpc/principal.ts'
import { SeededNumbers } from '@hopbine/common/testing/random-runs.ts'
import { closeSession, reclaim } from '../operations/internal.ts'
import { CLIENTS, type Executor } from './executor.ts'
import { compareTree } from './model-compare.ts'
import { compareEvents } from './model-events.ts'
import * as files from './model-files.ts'
import * as names from './model-names.ts'
import { compareReads, compareStat } from './model-reads.ts'
import { type Asker, ModelState, type Verdict } from './model-state.ts'
import { type ModelStep, pathOf, textOf } from './model-step.ts'
import type { ModelNode } from './model-tree.ts'
import { FIRST_STATE, OPERATOR } from './test-replica.ts'

const MODES = [0o755, 0o777, 0o700, 0o1777, 0o2775, 0o750, 0o644, 0o666, 0o600, 0o6755, 0o711, 0]
const TARGETS = ['/a', 'b', '../c', '/a/b', '/none', '.', 'a/../b', '/c']

/** A step whose paths are chosen. */
type Step = Omit<ModelStep, 'path' | 'other'> & { readonly path: string; readonly other: string }

export class ModelDriver {
  readonly #model = new ModelState(OPERATOR.user, FIRST_STATE.seconds * 1000)
  readonly #real: Executor

  constructor(real: Executor) {
    this.#real = real
  }

  async begin(): Promise<void> {
    const node = { nodeId: 'n1', host: '127.0.0.1', port: 1, rack: '/' }
    await this.#real.write(0, registerDatanode, node)
  }

  async run(step: ModelStep): Promise<void> {
    const { root } = this.#model
    const paths = {
      path: pathOf(root, step.what, step.path, false),
      other: pathOf(root, step.what, step.other, true),
    }
    try {
      await this.#step({ ...step, ...paths })
      for (const path of [paths.path, paths.other]) compareStat(this.#model, this.#real, path)
    } catch (error) {
      const about = textOf(step, paths.path, paths.other)
      throw new Error(`${about}: ${(error as Error).message}`, { cause: error })
    }
  }

  async finish(): Promise<void> {
    compareTree(this.#model, this.#real)
    for (let left = 1; left > 0; ) ({ left } = await this.#real.own<{ left: number }>(reclaim, { max: 9 }))
    compareTree(this.#model, this.#real)
    const { tombstones } = this.#real.state
    const dead = tombstones.page(0, Number.MAX_SAFE_INTEGER, 100_000).map(row => row.blockId)
    assert.deepEqual(
      dead,
      [...this.#model.deadBlocks].sort((a, b) => a - b),
      'what nothing uses is a tombstone',
    )
    compareEvents(this.#model, this.#real)
    await this.#real.finish()
  }

  async #step(step: Step): Promise<void> {
    const { what, client, n, m, path, other, flag } = step
    if (NAME_STEPS.has(what)) return this.#nameStep(step)
    if (FILE_STEPS.has(what)) return this.#fileStep(step)
    if (what === 'read') return compareReads(this.#model, this.#real, CLIENTS[client] as Principal, path)
    if (what === 'repeat') return this.#real.repeat(client)
    if (what === 'restart') return this.#real.restart()
    if (what === 'checkpoint') return this.#real.checkpoint()
    if (what === 'compare') return compareTree(this.#model, this.#real)
    if (what === 'reclaim') {
      await this.#real.own(reclaim, { max: 1 + (n % 12) })
      return
    }
    const clientId = this.#asker(client).clientId
    if (what === 'silence') {
      if (flag) this.#model.silent.add(clientId)
      else this.#model.silent.delete(clientId)
      return this.#real.setSilent([...this.#model.silent])
    }
    assert.equal(what, 'closeClient', `${what} ${m} ${other}`)
    this.#model.closeClient(clientId)
    await this.#real.own(closeSession, { clientId })
  }

  async #nameStep({ what, client, path, other, n, m, flag }: Step): Promise<void> {
    const model = this.#model
    const asker = this.#asker(client)
    const mode = MODES[n % MODES.length] as number
    const run = <Req>(verdict: Verdict, method: Method<Req, unknown>, request: Req): Promise<unknown> =>
      this.#attempt(verdict, client, method, request)
    if (what === 'mkdir') await run(names.mkdir(model, asker, path, mode), rpc.mkdir, { path, mode })
    if (what === 'mkdirs') await run(names.mkdirs(model, asker, path, mode), rpc.mkdirs, { path, mode })
    if (what === 'remove' || what === 'removeTree') {
      const recursive = what === 'removeTree'
      await run(names.remove(model, asker, path, recursive), rpc.remove, { path, recursive, only: 0 })
    }
    if (what === 'symlink') {
      const target = TARGETS[n % TARGETS.length] as string
      await run(names.symlink(model, asker, path, target), rpc.symlink, { path, target })
    }
    if (what === 'rename' || what === 'replace' || what === 'exchange') {
      const way = what === 'rename' ? 'noReplace' : what
      const request = { from: path, to: other, mode: rpc.RENAME[way] }
      await run(names.rename(model, asker, path, other, way), rpc.rename, request)
    }
    if (what === 'chmod') await run(names.chmod(model, asker, path, mode), rpc.chmod, { path, mode })
    if (what === 'chown') {
      const owner = flag ? ['ada', 'bob', 'eve', 'new'][n % 4] : undefined
      const group = m % 3 > 0 ? ['team', 'staff', 'bob', 'fresh'][m % 4] : undefined
      await run(names.chown(model, asker, path, owner, group), rpc.chown, { path, owner, group })
    }
    if (what === 'utimes') {
      await run(names.utimes(model, asker, path, n), rpc.utimes, { path, mtime: { seconds: n, nanos: 0 } })
    }
    if (what === 'setQuota') {
      const limit = n % 4 === 0 ? -1 : 1 + (n % 9)
      const bytes = m % 3 === 0 ? undefined : m % 40
      await run(names.setQuota(model, asker, path, limit, bytes), rpc.setQuota, { path, names: limit, bytes })
    }
  }

  async #fileStep(step: Step): Promise<void> {
    const { what, client, path, n, m, flag } = step
    const model = this.#model
    const asker = this.#asker(client)
    if (what === 'create' || what === 'createOpen') return this.#create(step)
    if (what === 'append') {
      await this.#attempt(files.append(model, asker, path), client, rpc.append, { path })
    } else if (what === 'truncate') {
      const size = n % 30
      await this.#attempt(files.truncate(model, asker, path, size), client, rpc.truncate, { path, size })
    } else if (what === 'setReplication') {
      const replication = 1 + (n % 4)
      const verdict = files.setReplication(model, asker, path, replication)
      await this.#attempt(verdict, client, rpc.setReplication, { path, replication })
    } else {
      const open = [...model.root.all()].filter(node => node.holder !== '')
      const node = open[n % open.length]
      if (node === undefined) return
      // Mostly the one who has it open, now and then somebody else.
      const writer = flag || m % 4 > 0 ? this.#real.clientIds.indexOf(node.holder) : client
      await this.#openFileStep(step, node, writer)
    }
  }

  async #create({ what, client, path, n, m, flag }: Step): Promise<void> {
    const content = what === 'create' ? Buffer.alloc(m % 13, n) : undefined
    const [mode, replication] = [MODES[m % MODES.length] as number, 1 + (n % 3)]
    const [overwrite, parents] = [flag, n % 3 === 0]
    const options = { content, mode, overwrite, parents, replication }
    const verdict = files.create(this.#model, this.#asker(client), path, options)
    const ifExists = overwrite ? rpc.IF_EXISTS.overwrite : rpc.IF_EXISTS.fail
    const request = {
      path,
      mode,
      ifExists,
      createParents: parents,
      replication,
      blockSize: 0,
      inline: content,
    }
    await this.#attempt(verdict, client, rpc.create, request)
  }

  async #openFileStep({ what, n, m }: Step, node: ModelNode, client: number): Promise<void> {
    const model = this.#model
    const asker = this.#asker(client)
    const inodeId = node.id
    if (what === 'addBlock') {
      let blockId = 0
      const verdict = files.addBlock(asker, node, () => blockId)
      const request = { inodeId, exclude: [] }
      await this.#attempt(verdict, client, rpc.addBlock, request, answer => {
        blockId = answer.block.blockId
      })
    } else if (what === 'commit' || what === 'complete') {
      const { extents, size } = extentsFor(node, new SeededNumbers(n * 1000 + m + 1))
      const close = what === 'complete'
      const verdict = files.commit(model, asker, node, extents, size, close)
      if (close) await this.#attempt(verdict, client, rpc.complete, { inodeId, extents, size })
      else await this.#attempt(verdict, client, rpc.commitExtents, { inodeId, extents, size })
    } else if (what === 'completeInline') {
      const inline = Buffer.alloc(m % 17, n)
      const verdict = files.completeInline(model, asker, node, inline)
      await this.#attempt(verdict, client, rpc.complete, { inodeId, extents: [], size: 0, inline })
    } else {
      await this.#attempt(files.abandon(model, asker, node), client, rpc.abandon, { inodeId })
    }
  }

  async #attempt<Req, Res>(
    { refusals, apply }: Verdict,
    client: number,
    method: Method<Req, Res>,
    request: Req,
    onAnswer?: (answer: Res) => void,
  ): Promise<void> {
    const outcome = await this.#real.write(client, method, request)
    if ('error' in outcome) {
      const { code, message } = outcome.error
      assert(refusals.has(code), `${method.name}: ${code} (${message}), wanted ${[...refusals].join(' or ')}`)
      return
    }
    assert.equal(refusals.size, 0, `${method.name} should be refused with ${[...refusals].join(' or ')}`)
    onAnswer?.(outcome.answer)
    apply(this.#real.nowMs, path => this.#idAt(path))
  }

  #idAt(path: string): number {
    const outcome = this.#real.read(OPERATOR, rpc.stat, { path, followLast: false })
    if ('error' in outcome) throw outcome.error
    return outcome.answer.status.id
  }

  #asker(client: number): Asker {
    return { principal: CLIENTS[client] as Principal, clientId: this.#real.clientIds[client] as string }
  }
}

const NAME_STEPS = new Set<string>(
  'mkdir mkdirs remove removeTree symlink rename replace exchange chmod chown utimes setQuota'.split(' '),
)
const FILE_STEPS = new Set<string>(
  'create createOpen append addBlock commit complete completeInline abandon truncate setReplication'.split(
    ' ',
  ),
)

/** Up to four ranges over the file's blocks, and a size; now and then not acceptable. */
function extentsFor(node: ModelNode, numbers: SeededNumbers): { extents: Extent[]; size: number } {
  const blocks = [...node.blocks]
  const extents: Extent[] = []
  for (let i = numbers.next(4); i > 0 && blocks.length > 0; i--) {
    extents.push({
      offset: numbers.next(24),
      length: 1 + numbers.next(9),
      blockId: blocks[numbers.next(blocks.length)] as number,
      blockOffset: numbers.next(40),
    })
  }
  const end = Math.max(0, ...extents.map(extent => extent.offset + extent.length))
  if (numbers.next(12) === 0) return { extents, size: numbers.next(30) }
  return { extents, size: numbers.next(3) === 0 ? end : Math.max(end, numbers.next(30)) }
}
