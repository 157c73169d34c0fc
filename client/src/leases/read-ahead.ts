/**
 * Content of small files that a program which reads a directory file by file asks for next: one question for
 * many of them. What changed here meanwhile, or was given back, is not touched.
 */
import { isFsError } from '@hopbine/common/base/errors.ts'
import { readSmallFiles } from '@hopbine/common/protocol/directory-leases.ts'
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import type { LeaseCounters } from './lease-counters.ts'
import type { LocalDirectory, LocalInode } from './overlay.ts'
import type { Tenure } from './tenure.ts'

/** Content asked for at a time, in bytes. */
const AHEAD_BYTES = 256 * 1024

type Told = ResponseOf<typeof readSmallFiles>['files'][number]

export class ReadAhead {
  readonly #tenure: Tenure
  readonly #rpc: RpcCaller
  readonly #counters: LeaseCounters
  readonly #asking = new Map<LocalDirectory, Promise<void>>()

  constructor(tenure: Tenure, rpc: RpcCaller, counters: LeaseCounters) {
    this.#tenure = tenure
    this.#rpc = rpc
    this.#counters = counters
  }

  /** True when the content of the file is known now. */
  async fetch(inode: LocalInode): Promise<boolean> {
    const [directory] = inode.places
    if (directory === undefined) return false
    await this.#asking.get(directory)
    if (inode.content !== undefined) return true
    const asking = this.#ask(inode.id, directory)
    this.#asking.set(directory, asking)
    await asking
    if (this.#asking.get(directory) === asking) this.#asking.delete(directory)
    return inode.content !== undefined
  }

  async #ask(inodeId: number, directory: LocalDirectory): Promise<void> {
    const { queue, overlay } = this.#tenure
    const before = queue.lastTicket
    try {
      const { files } = await this.#rpc.call(readSmallFiles, { inodeId, bytes: AHEAD_BYTES })
      if (overlay.directories.get(directory.id) !== directory) return
      this.#counters.readAhead += files.length
      for (const file of files) this.#keep(file, directory, before)
    } catch (error) {
      // The call itself, which goes to the namenode then, tells what is wrong.
      if (!isFsError(error)) throw error
    }
  }

  #keep({ inodeId, generation, inline }: Told, directory: LocalDirectory, before: number): void {
    const inode = this.#tenure.overlay.inodes.get(inodeId)
    if (inode === undefined || inode.content !== undefined || inode.places[0] !== directory) return
    if (!mayBeReadAhead(inode) || inode.pending > before) return
    if (inode.status.generation !== generation || inode.status.size !== inline.length) return
    // A view would keep the whole message.
    this.#tenure.keepContent(inode, Buffer.from(inline))
  }
}

/** Nobody but this mount can change it, and it is not being written. */
export function mayBeReadAhead(inode: LocalInode): boolean {
  const { isCovered, isOpenHere, isOpenAtServer, places, status } = inode
  return isCovered && !isOpenHere && !isOpenAtServer && places.length === 1 && status.nlink === 1
}
