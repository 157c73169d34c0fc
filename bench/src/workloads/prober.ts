/**
 * Another user of the filesystem while something else is measured: asks for the attributes of the root, one
 * call after the other, and knows how long it had to wait at worst.
 */
import { stat } from '@hopbine/common/protocol/metadata.ts'
import { RpcClient } from '@hopbine/common/rpc/client.ts'
import { Histogram } from '../load/histogram.ts'
import type { Door } from '../load/messages.ts'

export class Prober {
  readonly #session: RpcClient
  #waits = new Histogram()
  #stopped = false
  #loop: Promise<void> | undefined

  private constructor(session: RpcClient) {
    this.#session = session
  }

  static async start(door: Door): Promise<Prober> {
    const session = new RpcClient(door)
    await session.welcome()
    const prober = new Prober(session)
    prober.#loop = prober.#run()
    return prober
  }

  /** What was measured since the last call. */
  take(): Histogram {
    const waits = this.#waits
    this.#waits = new Histogram()
    return waits
  }

  async stop(): Promise<void> {
    this.#stopped = true
    await this.#loop
    this.#session.close()
  }

  async #run(): Promise<void> {
    for (let began = performance.now(); !this.#stopped; ) {
      await this.#session.call(stat, { path: '/', followLast: true })
      const ended = performance.now()
      this.#waits.record(ended - began)
      began = ended
    }
  }
}
