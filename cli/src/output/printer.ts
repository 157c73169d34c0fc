/**
 * Standard output of a command: gathers small pieces and writes them in large ones, waits where the reader
 * is slow, and ends the process quietly where the reader has gone. Results only; words about progress go to
 * standard error.
 */
import { CommandError, EXIT } from '../exit.ts'
import { sentenceOf } from './sentence.ts'

/** Gathered before a write, in characters. */
const GATHER_MAX = 64 * 1024

export class Printer {
  #gathered = ''

  constructor() {
    process.stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT.brokenPipe)
      // Anything else is told by the write that failed.
    })
  }

  /** One line of text for people. */
  async line(text: string): Promise<void> {
    await this.text(`${text}\n`)
  }

  /** Text as it is, without an end of line. */
  async text(text: string): Promise<void> {
    this.#gathered += text
    if (this.#gathered.length >= GATHER_MAX) await this.flush()
  }

  /** One JSON value on a line of its own. */
  async json(value: unknown): Promise<void> {
    await this.line(JSON.stringify(value))
  }

  /** Bytes as they are, after everything before them. */
  async bytes(data: Uint8Array): Promise<void> {
    await this.flush()
    await write(data)
  }

  /** Resolves when everything is handed to the reader's side. */
  async flush(): Promise<void> {
    if (this.#gathered === '') return
    const text = this.#gathered
    this.#gathered = ''
    await write(text)
  }
}

function write(data: string | Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    process.stdout.write(data, error => (error == null ? resolve() : reject(outputError(error))))
  })
}

function outputError(error: Error): CommandError {
  return new CommandError(`cannot write the output: ${sentenceOf(error) ?? error.message}`)
}
