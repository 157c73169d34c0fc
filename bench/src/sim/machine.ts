/**
 * The replicated state of the simulation: a small file system, and the last reply to each client, so that a
 * call which is sent again is done once (thesis 6.3). A digest of everything that was ever applied stands for
 * the whole of it.
 */
import { mix } from '../load/random.ts'
import { FileTree, type PlainNode, type TreeAnswer, type TreeCall } from './file-tree.ts'

/** A write of a client. */
export interface ClientWrite {
  readonly client: number
  /** Numbers the calls of the client. */
  readonly sequence: number
  readonly call: TreeCall
}

interface Reply {
  readonly sequence: number
  readonly answer: TreeAnswer
}

export interface AppliedWrite {
  readonly answer: TreeAnswer
  /** False for a call that came again. */
  readonly isFirst: boolean
}

interface PlainState {
  readonly appliedIndex: number
  readonly digest: number
  readonly tree: PlainNode
  readonly replies: ReadonlyArray<readonly [number, Reply]>
}

/** The answer to a call that the client has given up: nobody sees it. */
const TOO_LATE = 'TOO_LATE'

export class MachineState {
  appliedIndex = 0
  digest = 0
  #tree = new FileTree()
  readonly #replies = new Map<number, Reply>()

  copy(): MachineState {
    const copy = new MachineState()
    copy.appliedIndex = this.appliedIndex
    copy.digest = this.digest
    copy.#tree = this.#tree.copy()
    for (const [client, reply] of this.#replies) copy.#replies.set(client, reply)
    return copy
  }

  /** The state as the bytes of a snapshot. */
  encode(): Buffer {
    const { appliedIndex, digest } = this
    const replies = [...this.#replies]
    const plain: PlainState = { appliedIndex, digest, tree: this.#tree.plain, replies }
    return Buffer.from(JSON.stringify(plain))
  }

  static decode(bytes: Buffer): MachineState {
    const { appliedIndex, digest, tree, replies } = JSON.parse(bytes.toString()) as PlainState
    const state = new MachineState()
    state.appliedIndex = appliedIndex
    state.digest = digest
    state.#tree = FileTree.fromPlain(tree)
    for (const [client, reply] of replies) state.#replies.set(client, reply)
    return state
  }

  /** Applies the entry at the next index; `write` is undefined for entries of Raft's own. */
  apply(index: number, write: ClientWrite | undefined): AppliedWrite | undefined {
    this.appliedIndex = index
    const applied = write === undefined ? undefined : this.#applyOnce(write)
    this.digest = mix(Math.imul(this.digest, 31) ^ hashOf(`${index} ${applied?.answer} ${applied?.isFirst}`))
    return applied
  }

  /** Answers a read. */
  read(call: TreeCall): TreeAnswer {
    return this.#tree.call(call)
  }

  #applyOnce({ client, sequence, call }: ClientWrite): AppliedWrite {
    const known = this.#replies.get(client)
    if (known !== undefined && known.sequence >= sequence) {
      return { answer: known.sequence === sequence ? known.answer : TOO_LATE, isFirst: false }
    }
    const answer = this.#tree.call(call)
    this.#replies.set(client, { sequence, answer })
    const made = 'timeMs' in call ? call.timeMs : 0
    this.digest = mix(this.digest ^ hashOf(`${made}`))
    return { answer, isFirst: true }
  }
}

function hashOf(text: string): number {
  let hash = 0
  for (let i = 0; i < text.length; i++) hash = (Math.imul(hash, 31) + text.charCodeAt(i)) | 0
  return hash
}
