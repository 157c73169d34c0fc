/** Why a call cannot be answered at once from what is known here, and what to do about it. */
export class Detour {
  readonly kind: 'lease' | 'reach' | 'wait' | 'forward' | 'upgrade' | 'content'
  /**
   * `lease`: directories to acquire. `reach`: the one whose way up is to be proved. `upgrade`, `content`: a
   * file.
   */
  readonly inodeIds: readonly number[]
  /** `wait`: what to wait for, before the call is tried again. */
  readonly until: Promise<unknown> | undefined

  private constructor(kind: Detour['kind'], inodeIds: readonly number[], until?: Promise<unknown>) {
    this.kind = kind
    this.inodeIds = inodeIds
    this.until = until
  }

  /** The directories are not leased: ask for them, then try again. */
  static lease(inodeIds: readonly number[]): Detour {
    return new Detour('lease', inodeIds)
  }

  /** Whether the caller may come to the directory is not known. */
  static reach(inodeId: number): Detour {
    return new Detour('reach', [inodeId])
  }

  /** The namenode must know that the file is open for writing. */
  static upgrade(inodeId: number): Detour {
    return new Detour('upgrade', [inodeId])
  }

  /** The content of a small file, and of those that may be read next, is with the namenode. */
  static content(inodeId: number): Detour {
    return new Detour('content', [inodeId])
  }

  static wait(until: Promise<unknown>): Detour {
    return new Detour('wait', [], until)
  }

  /** Only the namenode can tell. */
  static readonly forward = new Detour('forward', [])
}
