/**
 * The kernel's device as a stream of whole messages. Two readers stand behind one interface: the event
 * loop's, which costs least, and the thread pool's, which needs nothing but Node's documented functions.
 * Answers are written at once.
 */
import { closeSync, constants, openSync, write, writeSync, writevSync } from 'node:fs'
import { FsError } from '@hopbine/common/base/errors.ts'
import { MESSAGE_EXTRA_BYTES } from '../protocol/constants.ts'
import { WRITE_BYTES_MAX } from '../protocol/negotiate.ts'
import { EventLoopReader } from './event-loop-reader.ts'
import { PoolReader } from './pool-reader.ts'

export const DEVICE_PATH = '/dev/fuse'
/** Room for the largest message. */
export const MESSAGE_BYTES_MAX = WRITE_BYTES_MAX + MESSAGE_EXTRA_BYTES

export interface ReaderEvents {
  /** One whole message, valid during the call only. */
  onMessage(message: Buffer): void
  /** No more messages come: the mount is gone (undefined), or the device failed. */
  onEnd(error: Error | undefined): void
}

export interface MessageSource {
  start(): void
  /** No message comes until `resume`; a message or a few may still be on their way. */
  pause(): void
  resume(): void
  /** Ends reading and closes the device. */
  stop(): void
}

export type ReaderKind = 'event-loop' | 'thread-pool'

/** What became of an answer: the kernel took it, no longer wanted it, or refused it. */
export type Written = 'taken' | 'unwanted' | 'refused'

export class Device {
  readonly fd: number
  readonly #kind: ReaderKind
  #source: MessageSource | undefined

  private constructor(fd: number, kind: ReaderKind) {
    this.fd = fd
    this.#kind = kind
  }

  /** Throws NOT_PERMITTED or UNSUPPORTED with what is missing. */
  static open(kind: ReaderKind): Device {
    const mode = constants.O_RDWR | (kind === 'event-loop' ? constants.O_NONBLOCK : 0)
    try {
      return new Device(openSync(DEVICE_PATH, mode), kind)
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      if (code === 'EACCES' || code === 'EPERM') {
        throw new FsError('NOT_PERMITTED', `${DEVICE_PATH} may not be opened: mounting needs root`)
      }
      throw new FsError('UNSUPPORTED', `${DEVICE_PATH} cannot be opened (${message}): try \`modprobe fuse\``)
    }
  }

  /** Begins to read; the device is mounted by now. */
  start(events: ReaderEvents): void {
    this.#source =
      this.#kind === 'event-loop'
        ? new EventLoopReader(this.fd, MESSAGE_BYTES_MAX, events)
        : new PoolReader(this.fd, MESSAGE_BYTES_MAX, events)
    this.#source.start()
  }

  pause(): void {
    this.#source?.pause()
  }

  resume(): void {
    this.#source?.resume()
  }

  /** Never waits: the kernel copies the message or refuses it. */
  write(parts: readonly Buffer[]): Written {
    try {
      if (parts.length === 1) writeSync(this.fd, parts[0] as Buffer)
      else writevSync(this.fd, [...parts])
      return 'taken'
    } catch (error) {
      return writtenBy(error as NodeJS.ErrnoException)
    }
  }

  /** Writes from a thread of Node's pool, for messages that may have to wait for a lock in the kernel. */
  writeInPool(message: Buffer): Promise<Written> {
    return new Promise(resolve => {
      write(this.fd, message, error => resolve(error === null ? 'taken' : writtenBy(error)))
    })
  }

  close(): void {
    if (this.#source === undefined) closeSync(this.fd)
    else this.#source.stop()
  }
}

function writtenBy({ code }: NodeJS.ErrnoException): Written {
  // ENOENT: the caller was killed meanwhile, or the kernel does not know the name. ENODEV, EBADF: the mount
  // is gone.
  return code === 'ENOENT' || code === 'ENODEV' || code === 'EBADF' ? 'unwanted' : 'refused'
}
