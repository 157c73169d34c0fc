/**
 * When files were read, told to the namenode now and then, many at a time, and shown meanwhile. They are
 * hints: what does not fit or cannot be told is counted and forgotten.
 */
import { ACCESSES_MAX } from '@hopbine/common/base/limits.ts'
import { noteAccess } from '@hopbine/common/protocol/metadata.ts'
import type { FileStatus as WireStatus } from '@hopbine/common/protocol/types.ts'
import type { RpcCaller } from '@hopbine/common/rpc/client.ts'
import { movesAccessTime } from '@hopbine/common/rules/access-time.ts'
import type { KernelTime } from '../protocol/request.ts'

/** How long a read may go untold, in milliseconds. */
const TELL_AFTER_MS = 2_000
/** Files whose reads wait to be told; beyond it reads are not noted. */
const WAITING_MAX = 16 * ACCESSES_MAX

export class AccessTimes {
  /** Reads that were not told. */
  lost = 0
  readonly #rpc: RpcCaller
  readonly #isOff: boolean
  readonly #waiting = new Map<number, KernelTime>()
  #timer: NodeJS.Timeout | undefined
  #telling: Promise<void> | undefined

  /** `isOff`: reading moves nothing. */
  constructor(rpc: RpcCaller, isOff: boolean) {
    this.#rpc = rpc
    this.#isOff = isOff
  }

  /** Whether a read of the file now would move its time. */
  isDue(status: WireStatus, time: KernelTime): boolean {
    const { seconds, nanos } = this.shown(status)
    const times = { ...status, atime: seconds, atimeNs: nanos }
    return !this.#isOff && movesAccessTime(times, time.seconds, time.nanos)
  }

  note(inodeId: number, time: KernelTime): void {
    if (this.#isOff) return
    if (this.#waiting.size >= WAITING_MAX && !this.#waiting.has(inodeId)) {
      this.lost += 1
      return
    }
    this.#waiting.set(inodeId, time)
    if (this.#waiting.size >= ACCESSES_MAX) void this.tell()
    else this.#timer ??= setTimeout(() => void this.tell(), TELL_AFTER_MS).unref()
  }

  /** The file's access time, with what the namenode has not heard of. */
  shown(status: WireStatus): KernelTime {
    const waiting = this.#waiting.get(status.id)
    const isLater = waiting !== undefined && movesAccessTime(status, waiting.seconds, waiting.nanos)
    return isLater ? waiting : { seconds: status.atime, nanos: status.atimeNs }
  }

  /** Someone sets the time itself: an earlier read does not move it again. */
  forget(inodeId: number): void {
    this.#waiting.delete(inodeId)
  }

  /** Tells everything that waits; resolves when it was heard, or lost. */
  async tell(): Promise<void> {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#telling ??= this.#tellAll().finally(() => {
      this.#telling = undefined
    })
    await this.#telling
  }

  async #tellAll(): Promise<void> {
    while (this.#waiting.size > 0) {
      const part = [...this.#waiting].slice(0, ACCESSES_MAX)
      const accesses = part.map(([inodeId, time]) => ({ inodeId, ...time }))
      try {
        await this.#rpc.call(noteAccess, { accesses })
      } catch {
        // Nobody waits for it, and it will be read again.
        this.lost += accesses.length
      }
      for (const [inodeId, time] of part) {
        if (this.#waiting.get(inodeId) === time) this.#waiting.delete(inodeId)
      }
    }
  }
}
