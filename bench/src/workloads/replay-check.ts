/**
 * Sends writes, and after the namenode was killed and started again sends the very same requests once more,
 * as a client does that never saw the answers: each must be answered as the first time, and happen once.
 */
import { randomBytes } from 'node:crypto'
import { isDeepStrictEqual } from 'node:util'
import * as metadata from '@hopbine/common/protocol/metadata.ts'
import type { Method } from '@hopbine/common/protocol/method.ts'
import { PROTOCOL_VERSION, PROTOCOL_VERSION_OLDEST } from '@hopbine/common/protocol/version.ts'
import { Connection } from '@hopbine/common/rpc/connection.ts'
import type { Door } from '../load/messages.ts'

interface Sent {
  readonly method: Method<unknown, unknown>
  readonly request: unknown
  readonly sequence: number
  readonly answer: unknown
}

export class ReplayCheck {
  readonly #door: () => Promise<Door>
  readonly #base: string
  readonly #clientId = randomBytes(16).toString('hex')
  #sequence = 0
  #sent: Sent[] = []

  /** `base` is a directory of its own; `door` leads to the namenode that answers now. */
  constructor(door: () => Promise<Door>, base: string) {
    this.#door = door
    this.#base = base
  }

  /** Does one write of each kind. */
  async send(): Promise<void> {
    const connection = await this.#connect()
    this.#sent = []
    const folder = `${this.#base}/round-${this.#sequence}`
    const do_ = async <Req, Res>(method: Method<Req, Res>, request: Req): Promise<Res> => {
      const sequence = ++this.#sequence
      const answer = await connection.call(method, request, { sequence, behind: this.#sent.length })
      this.#sent.push({ method, request, sequence, answer } as Sent)
      return answer
    }
    const file = { ...NEW_FILE, path: `${folder}/file` }
    await do_(metadata.mkdirs, { path: folder, mode: 0o755 })
    await do_(metadata.create, { ...file, inline: Buffer.from('whole') })
    const { status } = await do_(metadata.create, { ...file, path: `${folder}/open` })
    await do_(metadata.complete, { inodeId: status.id, extents: [], size: 0 })
    await do_(metadata.rename, { from: `${folder}/open`, to: `${folder}/closed`, mode: 0 })
    await do_(metadata.chmod, { path: `${folder}/closed`, mode: 0o600 })
    await do_(metadata.remove, { path: `${folder}/file`, recursive: false, only: metadata.REMOVE.any })
    connection.close()
  }

  /** Sends them again; returns what was answered otherwise, in words. */
  async sendAgain(): Promise<string[]> {
    const connection = await this.#connect()
    const wrong: string[] = []
    for (const [at, { method, request, sequence, answer }] of this.#sent.entries()) {
      const again = await connection
        .call(method, request, { sequence, behind: at })
        .catch((error: unknown) => error)
      if (!isDeepStrictEqual(again, answer)) {
        wrong.push(`${method.name} was answered ${String(again)} when it was sent again`)
      }
    }
    connection.close()
    return wrong
  }

  async #connect(): Promise<Connection> {
    const { address, token } = await this.#door()
    const greeting = {
      version: PROTOCOL_VERSION,
      versionOldest: PROTOCOL_VERSION_OLDEST,
      clientId: this.#clientId,
      token,
    }
    const events = { onClose: () => undefined, onPush: () => undefined }
    return (await Connection.open(address, greeting, events)).connection
  }
}

const NEW_FILE = {
  mode: 0o644,
  ifExists: metadata.IF_EXISTS.fail,
  createParents: false,
  replication: 0,
  blockSize: 0,
}
