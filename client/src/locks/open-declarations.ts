/**
 * Tells the namenode which files are open here for reading and writing, and learns which of them others have
 * open, too: two page caches cannot share a memory map. One message at a time; what comes meanwhile is the
 * next one. Of a file that was made under a directory lease, which nobody else can open before the lease
 * goes, it tells only then, if it is still open.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { declareOpens, OPENS_MAX } from '@hopbine/common/protocol/locks.ts'
import type { RequestOptions, RpcClient } from '@hopbine/common/rpc/client.ts'
import type { LockCaller } from './lock-caller.ts'

export interface DeclarationParts {
  readonly caller: Pick<LockCaller, 'call' | 'isOpen'>
  readonly rpc: Pick<RpcClient, 'beforeEach'>
  /** Calls that let nobody reach what leases cover. */
  isPrivate(methodId: number, request: unknown): boolean
}

interface Declared {
  count: number
  /** Whether others had it open when it was opened here. */
  readonly isShared: Promise<boolean>
}

export class OpenDeclarations {
  readonly #caller: DeclarationParts['caller']
  readonly #declared = new Map<number, Declared>()
  /** Those of which nothing was said yet. */
  readonly #unsaid = new Set<number>()
  #opened = new Map<number, (isShared: boolean) => void>()
  #closed = new Set<number>()
  #isTelling = false

  constructor({ caller, rpc, isPrivate }: DeclarationParts) {
    this.#caller = caller
    rpc.beforeEach((methodId, request) => {
      if (this.#unsaid.size > 0 && !isPrivate(methodId, request)) this.#sayNow()
    })
  }

  get inodes(): number[] {
    return [...this.#declared.keys()]
  }

  get count(): number {
    return this.#declared.size
  }

  /**
   * One more handle. True when another session has the file open, or might have: then it must not be mapped
   * shared.
   */
  open(inodeId: number): Promise<boolean> {
    const known = this.#declared.get(inodeId)
    if (known !== undefined) {
      known.count += 1
      return known.isShared
    }
    const isShared = new Promise<boolean>(resolve => {
      this.#opened.set(inodeId, resolve)
    })
    this.#declared.set(inodeId, { count: 1, isShared })
    this.#tell()
    return isShared
  }

  /** The first handle of a file that was made under a lease: nobody else has it open. */
  openNew(inodeId: number): Promise<boolean> {
    if (this.#declared.has(inodeId) || !this.#caller.isOpen) return this.open(inodeId)
    const isShared = Promise.resolve(false)
    this.#declared.set(inodeId, { count: 1, isShared })
    this.#unsaid.add(inodeId)
    return isShared
  }

  close(inodeId: number): void {
    const known = this.#declared.get(inodeId)
    if (known === undefined) return
    known.count -= 1
    if (known.count > 0) return
    this.#declared.delete(inodeId)
    if (this.#unsaid.delete(inodeId)) return
    this.#closed.add(inodeId)
    this.#tell()
  }

  /** Ahead of whatever is about to be sent; the locks' session is open, so nothing is waited for. */
  #sayNow(): void {
    const opened = [...this.#unsaid]
    this.#unsaid.clear()
    // Whether others have them open, too, is known: nobody has. A new connection hears of all that is open,
    // so that this is not said again there, perhaps behind their close.
    void this.#ask(opened, [], { retryMs: 0 })
  }

  #tell(): void {
    if (this.#isTelling) return
    this.#isTelling = true
    // At the end of the turn, so that what many requests do together is one message.
    setImmediate(() => void this.#tellAll())
  }

  async #tellAll(): Promise<void> {
    while (this.#opened.size > 0 || this.#closed.size > 0) {
      const [opened, closed] = [this.#opened, this.#closed]
      this.#opened = new Map()
      this.#closed = new Set()
      const isShared = await this.#ask([...opened.keys()], [...closed])
      for (const [inodeId, resolve] of opened) resolve(isShared(inodeId))
    }
    this.#isTelling = false
  }

  /** What was closed and opened again meanwhile is open: the namenode takes the closed ones first. */
  async #ask(
    opened: number[],
    closed: number[],
    options: RequestOptions = {},
  ): Promise<(inodeId: number) => boolean> {
    const request = { opened: opened.slice(0, OPENS_MAX), closed }
    try {
      const { shared } = await this.#caller.call(declareOpens, request, options)
      return inodeId => shared.includes(inodeId)
    } catch (error) {
      if (!isFsError(error)) throw error
      // Not knowing is no reason to fail: it costs the page cache.
      return () => true
    }
  }
}
