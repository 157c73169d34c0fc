/**
 * What a leader tells its successors of its soft state, as rows of the shard: that sessions have caches,
 * which sessions may hold locks. A namenode without a group tells itself by files instead (caching-mark.ts,
 * remembered-sessions.ts).
 */
import type { Logger } from '@hopbine/common/base/log.ts'
import { noteSoftState } from '../operations/note-soft-state.ts'
import type { Replica } from '../replica/replica.ts'
import type { Mark, PromptMark } from './caching-mark.ts'
import type { Remembered } from './locks/remembered-sessions.ts'

const CACHES = 'caches'
const LOCKS = 'locks '

export class SuccessorNotes {
  readonly #replica: Replica
  readonly #logger: Logger
  /** What a note will be when what was proposed is applied, where that is not so yet. */
  readonly #proposed = new Map<string, { readonly isSet: boolean; readonly done: Promise<void> }>()

  constructor(replica: Replica, logger: Logger) {
    this.#replica = replica
    this.#logger = logger
  }

  has(note: string): boolean {
    return this.#proposed.get(note)?.isSet ?? this.#replica.state.notes.all.has(note)
  }

  /** Resolves when a majority knows it; undefined: it does already. Rejects with what a write fails with. */
  add(note: string): Promise<void> | undefined {
    if (this.has(note)) return this.#proposed.get(note)?.done
    return this.#propose(note, true)
  }

  /** One that a change of leader leaves in place costs the next one a wait, no more. */
  delete(note: string): void {
    if (!this.has(note)) return
    this.#propose(note, false).catch(({ message }: Error) =>
      this.#logger.info({ note, message }, 'note-not-removed'),
    )
  }

  #propose(note: string, isSet: boolean): Promise<void> {
    const change = isSet ? { added: [note], removed: [] } : { added: [], removed: [note] }
    const done = this.#replica.proposeOwn<unknown>(noteSoftState, change).then(() => undefined)
    const proposed = { isSet, done }
    this.#proposed.set(note, proposed)
    const settle = (): void => {
      if (this.#proposed.get(note) === proposed) this.#proposed.delete(note)
    }
    done.then(settle, settle)
    return done
  }

  /** Whether sessions may have cached something. */
  get caches(): Mark {
    return {
      isSet: this.has(CACHES),
      set: () => this.add(CACHES),
      idle: () => this.delete(CACHES),
      clear: () => undefined,
    }
  }

  /** Sessions that may hold locks. */
  get lockSessions(): Remembered {
    const { all } = this.#replica.state.notes
    const known = [...all].filter(note => note.startsWith(LOCKS)).map(note => note.slice(LOCKS.length))
    return {
      all: new Set(known),
      add: clientId => this.add(LOCKS + clientId),
      delete: clientId => this.delete(LOCKS + clientId),
      catchUp: () => undefined,
    }
  }
}

/** Of what nobody tells a successor: it counts as so. */
export const ALWAYS: PromptMark = {
  isSet: true,
  set: () => undefined,
  idle: () => undefined,
  clear: () => undefined,
}
