/** Which connection speaks for which queue, and when it said so last. Soft state of the leader. */
import type { Clock } from '@hopbine/common/base/host.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'

/** Beyond so many, queues that are no more are forgotten. */
const SPEAKERS_MAX = 256

export interface Speaker {
  readonly queueId: string
  readonly clientId: string
  /** Undefined while it is not connected. */
  connection: ServerConnection | undefined
  heardMs: number
}

export class Speakers {
  readonly #clock: Clock
  readonly #startedMs: number
  readonly #byQueue = new Map<string, Speaker>()
  readonly #byClient = new Map<string, Speaker>()

  constructor(clock: Clock) {
    this.#clock = clock
    this.#startedMs = clock.monotonicMs()
  }

  /**
   * The session of this connection speaks for the queue; of several queues, the last is its own. True if the
   * connection did not speak for it before.
   */
  attach(queueId: string, connection: ServerConnection): boolean {
    const { clientId } = connection
    const known = this.#byQueue.get(queueId)
    const heardMs = this.#clock.monotonicMs()
    if (known?.connection === connection) {
      known.heardMs = heardMs
      return false
    }
    if (known !== undefined && this.#byClient.get(known.clientId) === known) {
      this.#byClient.delete(known.clientId)
    }
    const speaker: Speaker = { queueId, clientId, connection, heardMs }
    this.#byQueue.set(queueId, speaker)
    this.#byClient.set(clientId, speaker)
    return true
  }

  ofQueue(queueId: string): Speaker | undefined {
    return this.#byQueue.get(queueId)
  }

  ofClient(clientId: string): Speaker | undefined {
    return this.#byClient.get(clientId)
  }

  /** When the queue was heard last; one that was not heard since the start counts as heard then. */
  heardMs(queueId: string): number {
    return this.#byQueue.get(queueId)?.heardMs ?? this.#startedMs
  }

  closed(connection: ServerConnection): void {
    for (const speaker of this.#byQueue.values()) {
      if (speaker.connection === connection) speaker.connection = undefined
    }
  }

  /** Forgets queues that are no more. */
  trim(isKnown: (queueId: string) => boolean): void {
    if (this.#byQueue.size < SPEAKERS_MAX) return
    for (const speaker of this.#byQueue.values()) {
      if (isKnown(speaker.queueId)) continue
      this.#byQueue.delete(speaker.queueId)
      if (this.#byClient.get(speaker.clientId) === speaker) this.#byClient.delete(speaker.clientId)
    }
  }
}
