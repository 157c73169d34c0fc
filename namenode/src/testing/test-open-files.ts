/** Who has what open, as a test says. Test only. */
import type { OpenFiles } from '../operations/operation.ts'

export class TestOpenFiles implements OpenFiles {
  isBehind = false
  readonly #open: { readonly inodeId: number; readonly owner: string }[] = []

  open(inodeId: number, owner: string): void {
    this.#open.push({ inodeId, owner })
  }

  close(inodeId: number, owner: string): void {
    const at = this.#open.findIndex(entry => entry.inodeId === inodeId && entry.owner === owner)
    if (at >= 0) this.#open.splice(at, 1)
  }

  isNothing(besides: string): boolean {
    return this.#others(besides).length === 0
  }

  holder(inodeId: number, besides: string): string {
    return this.#others(besides).find(entry => entry.inodeId === inodeId)?.owner ?? ''
  }

  /** All of them: the command looks for itself which are in the tree. */
  within(_slot: number, besides: string): { inodeId: number; owner: string }[] {
    return this.#others(besides)
  }

  newest(besides: string): number {
    return Math.max(0, ...this.#others(besides).map(({ inodeId }) => inodeId))
  }

  taking(): void {}

  #others(besides: string): { readonly inodeId: number; readonly owner: string }[] {
    return this.#open.filter(({ owner }) => owner !== besides)
  }
}
