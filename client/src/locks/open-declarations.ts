/**
 * Tells the namenode which files are open here for reading and writing, and learns which of them others have
 * open, too: two page caches cannot share a memory map. One message at a time; what comes meanwhile is the
 * next one.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { declareOpens, OPENS_MAX } from '@hopbine/common/protocol/locks.ts'
import type { LockCaller } from './lock-caller.ts'

interface Declared {
  count: number
  /** Whether others had it open when it was opened here. */
  readonly isShared: Promise<boolean>
}

export class OpenDeclarations {
  readonly #caller: Pick<LockCaller, 'call'>
  readonly #declared = new Map<number, Declared>()
  #opened = new Map<number, (isShared: boolean) => void>()
  #closed = new Set<number>()
  #isTelling = false

  constructor(caller: Pick<LockCaller, 'call'>) {
    this.#caller = caller
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

  close(inodeId: number): void {
    const known = this.#declared.get(inodeId)
    if (known === undefined) return
    known.count -= 1
    if (known.count > 0) return
    this.#declared.delete(inodeId)
    this.#closed.add(inodeId)
    this.#tell()
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
  async #ask(opened: number[], closed: number[]): Promise<(inodeId: number) => boolean> {
    try {
      const { shared } = await this.#caller.call(declareOpens, { opened: opened.slice(0, OPENS_MAX), closed })
      return inodeId => shared.includes(inodeId)
    } catch (error) {
      if (!isFsError(error)) throw error
      // Not knowing is no reason to fail: it costs the page cache.
      return () => true
    }
  }
}
