/** What `admin fsck` found, told line by line as it is found. */
import type { Printer } from '../output/printer.ts'

export class Findings {
  readonly #out: Printer
  readonly #json: boolean
  readonly #unreachable = new Set<string>()
  problems = 0
  warnings = 0

  constructor(out: Printer, json: boolean) {
    this.#out = out
    this.#json = json
  }

  /** Something that is wrong: the check fails. */
  async problem(sentence: string): Promise<void> {
    this.problems += 1
    if (this.#json) await this.#out.json({ problem: sentence })
    else await this.#out.line(sentence)
  }

  /** Something that an operator should know and that costs nobody a byte. */
  async warning(sentence: string): Promise<void> {
    this.warnings += 1
    if (this.#json) await this.#out.json({ warning: sentence })
    else await this.#out.line(`warning: ${sentence}`)
  }

  /** A datanode that cannot be asked is one problem, however many blocks it may hold. */
  async unreachable(nodeId: string, sentence: string): Promise<void> {
    if (this.#unreachable.has(nodeId)) return
    this.#unreachable.add(nodeId)
    await this.problem(sentence)
  }
}
