/**
 * Holds answers back until it is certain that this namenode led after they were made: then no other one had
 * acknowledged anything by then that they do not show (batched ReadIndex, thesis 6.4). One round of
 * confirmation is under way at a time; what comes meanwhile shares the next.
 */
import { FsError } from '@hopbine/common/base/errors.ts'
import type { AnswerGate } from '@hopbine/common/rpc/server.ts'
import type { ServerConnection } from '@hopbine/common/rpc/server-connection.ts'

/** Calls back whether this namenode led after the call. */
export type Confirm = (done: (isConfirmed: boolean) => void) => void

export class ReadGate implements AnswerGate {
  readonly #confirm: Confirm
  /** Number of the round that has not begun. */
  #next = 1
  #waiting = new Set<ServerConnection>()
  #isAsking = false
  /** Rounds that were confirmed. */
  rounds = 0

  constructor(confirm: Confirm) {
    this.#confirm = confirm
  }

  hold(connection: ServerConnection): number {
    this.#waiting.add(connection)
    const round = this.#next
    if (!this.#isAsking) this.#ask()
    return round
  }

  #ask(): void {
    const round = this.#next
    const waiting = this.#waiting
    this.#next += 1
    this.#waiting = new Set()
    this.#isAsking = true
    this.#confirm(isConfirmed => {
      this.#isAsking = false
      this.rounds += 1
      for (const connection of waiting) {
        if (isConfirmed) connection.release(round)
        else connection.refuse(new FsError('NOT_LEADER', 'this node may lead no more'))
      }
      if (this.#waiting.size > 0) this.#ask()
    })
  }
}
