/**
 * What clients did and saw, in the form that outside checkers read: lines of `{type, process, f, value,
 * time}`. A call that timed out is `info`: it may have happened, may yet happen, or never will; its process
 * ends there, and the client goes on as another one.
 */
import type { TreeAnswer, TreeCall } from './file-tree.ts'

export interface HistoryEvent {
  readonly type: 'invoke' | 'ok' | 'fail' | 'info'
  readonly process: number
  readonly f: TreeCall['f']
  /** The arguments; with `ok` the answer too. */
  readonly value: { readonly call: TreeCall; readonly answer?: TreeAnswer }
  /** Simulated nanoseconds. */
  readonly time: number
}

export interface HistoryCall {
  readonly process: number
  readonly call: TreeCall
  readonly startMs: number
  /** Undefined while undecided: it may take effect at any later time, or never. */
  endMs: number | undefined
  answer: TreeAnswer | undefined
  /**
   * Where the implementation says it took effect; only tells the checker what to try first. Undefined if it
   * did not say.
   */
  place: number | undefined
}

export class History {
  readonly events: HistoryEvent[] = []
  /** All that may have taken effect. */
  readonly calls: HistoryCall[] = []

  invoke(process: number, call: TreeCall, startMs: number): HistoryCall {
    const invoked = { process, call, startMs, endMs: undefined, answer: undefined, place: undefined }
    this.calls.push(invoked)
    this.#add('invoke', invoked, startMs)
    return invoked
  }

  ok(call: HistoryCall, answer: TreeAnswer, nowMs: number): void {
    call.endMs = nowMs
    call.answer = answer
    this.#add('ok', call, nowMs)
  }

  /** It certainly did not happen. */
  fail(call: HistoryCall, nowMs: number): void {
    this.calls.splice(this.calls.lastIndexOf(call), 1)
    this.#add('fail', call, nowMs)
  }

  info(call: HistoryCall, nowMs: number): void {
    this.#add('info', call, nowMs)
  }

  #add(type: HistoryEvent['type'], { process, call, answer }: HistoryCall, nowMs: number): void {
    const value = { call, ...(answer === undefined ? {} : { answer }) }
    this.events.push({ type, process, f: call.f, value, time: Math.round(nowMs * 1e6) })
  }
}
