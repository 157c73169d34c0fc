/** What the bench process and its actors say to each other. */

/** One phase of work in a directory. */
export type Work =
  | {
      readonly action: 'create' | 'rename' | 'unlink'
      readonly folder: string
      readonly files: number
    }
  /** Every file `times` times. */
  | { readonly action: 'stat'; readonly folder: string; readonly files: number; readonly times: number }
  /** Whole files of `bytes` each; `sync` makes each durable before its close. */
  | {
      readonly action: 'write'
      readonly folder: string
      readonly files: number
      readonly bytes: number
      readonly sync: boolean
    }
  | { readonly action: 'read'; readonly folder: string; readonly files: number; readonly bytes: number }
  | {
      readonly action: 'sqlite'
      readonly folder: string
      readonly journal: 'DELETE' | 'WAL'
      readonly transactions: number
    }
  /** One large file, synced at its end. */
  | { readonly action: 'stream-write' | 'stream-read'; readonly path: string; readonly mebibytes: number }

export type ToActor = { readonly type: 'work'; readonly work: Work } | { readonly type: 'go' }

export interface Done {
  readonly type: 'done'
  readonly operations: number
  /** User and system time of the actor while it worked. */
  readonly cpuMicros: number
}

export type FromActor =
  | { readonly type: 'ready' }
  | Done
  /** The work failed, or what was read is not what was written. */
  | { readonly type: 'failed'; readonly message: string }
