/**
 * Reads the device through Node's event loop, by a pipe handle on its descriptor: each readiness is one
 * read(2) into one fixed buffer, and each read is one message. The handle owns the descriptor and closes
 * it.
 */
import { Socket } from 'node:net'
import type { MessageSource, ReaderEvents } from './device.ts'

interface PipeHandle {
  open(fd: number): void
}
interface PipeBinding {
  readonly Pipe: new (type: number) => PipeHandle
  readonly constants: { readonly SOCKET: number }
}

/**
 * Node has had this way in since 0.6, and its own net module stands on it; it is documented as deprecated.
 */
function pipeBinding(): PipeBinding | undefined {
  const { binding } = process as unknown as { binding?: (name: string) => PipeBinding }
  return binding?.('pipe_wrap')
}

/** Whether this Node offers what the reader needs. */
export function hasEventLoopReader(): boolean {
  return typeof pipeBinding()?.Pipe === 'function'
}

export class EventLoopReader implements MessageSource {
  readonly #fd: number
  readonly #bytesMax: number
  readonly #events: ReaderEvents
  #socket: Socket | undefined
  #isPaused = false

  constructor(fd: number, bytesMax: number, events: ReaderEvents) {
    this.#fd = fd
    this.#bytesMax = bytesMax
    this.#events = events
  }

  start(): void {
    const { Pipe, constants } = pipeBinding() as PipeBinding
    const handle = new Pipe(constants.SOCKET)
    handle.open(this.#fd)
    const buffer = Buffer.allocUnsafeSlow(this.#bytesMax)
    const callback = (length: number): boolean => {
      this.#events.onMessage(buffer.subarray(0, length))
      return !this.#isPaused
    }
    const options = { handle, readable: true, writable: false, onread: { buffer, callback } }
    const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0])
    this.#socket = socket
    let failure: Error | undefined
    socket.on('error', (error: NodeJS.ErrnoException) => {
      // ENODEV: unmounted. ECONNABORTED: the connection was aborted through /sys/fs/fuse.
      if (error.code !== 'ENODEV' && error.code !== 'ECONNABORTED') failure = error
    })
    socket.on('close', () => this.#events.onEnd(failure))
    socket.resume()
  }

  pause(): void {
    this.#isPaused = true
  }

  resume(): void {
    if (!this.#isPaused) return
    this.#isPaused = false
    this.#socket?.resume()
  }

  stop(): void {
    this.#socket?.destroy()
  }
}
