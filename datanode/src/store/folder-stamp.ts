/**
 * `format.json` of a data folder: its format, the node's id, drawn once, and the cluster it belongs to, known
 * after the first registration. A folder of a newer format or of another cluster is refused with a sentence.
 */
import { randomBytes } from 'node:crypto'
import { mkdirSync, readFileSync } from 'node:fs'
import { open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { FsError, fromNodeError } from '@hopbine/common/base/errors.ts'
import { syncFolder } from './disk.ts'

const FORMAT = 1

export class FolderStamp {
  readonly nodeId: string
  readonly #dataDir: string
  #clusterId: string

  private constructor(dataDir: string, nodeId: string, clusterId: string) {
    this.#dataDir = dataDir
    this.nodeId = nodeId
    this.#clusterId = clusterId
  }

  /** Reads the stamp, or makes one for an empty folder. `nodeId`, if given, must be the one stamped. */
  static async open(dataDir: string, nodeId: string | undefined): Promise<FolderStamp> {
    const known = readStamp(dataDir)
    if (known === undefined) {
      const stamp = new FolderStamp(dataDir, nodeId ?? randomBytes(16).toString('hex'), '')
      await stamp.#write()
      return stamp
    }
    if (nodeId !== undefined && nodeId !== known.nodeId) {
      throw new FsError(
        'INVALID_ARGUMENT',
        `${dataDir} belongs to datanode ${known.nodeId}, not to ${nodeId}`,
      )
    }
    return new FolderStamp(dataDir, known.nodeId, known.clusterId)
  }

  /** Empty before the first registration. */
  get clusterId(): string {
    return this.#clusterId
  }

  /** Binds the folder to a cluster for good; throws INVALID_ARGUMENT if it belongs to another. */
  async join(clusterId: string): Promise<void> {
    if (this.#clusterId === clusterId) return
    if (this.#clusterId !== '') {
      throw new FsError(
        'INVALID_ARGUMENT',
        `${this.#dataDir} holds blocks of cluster ${this.#clusterId}; this namenode serves ${clusterId}`,
      )
    }
    this.#clusterId = clusterId
    await this.#write()
  }

  async #write(): Promise<void> {
    const path = stampPath(this.#dataDir)
    const content = { format: FORMAT, nodeId: this.nodeId, clusterId: this.#clusterId }
    const file = await open(`${path}.new`, 'w', 0o600)
    try {
      await file.writeFile(`${JSON.stringify(content, null, 2)}\n`)
      await file.sync()
    } finally {
      await file.close()
    }
    await rename(`${path}.new`, path)
    await syncFolder(this.#dataDir)
  }
}

function stampPath(dataDir: string): string {
  return join(dataDir, 'format.json')
}

function readStamp(dataDir: string): { nodeId: string; clusterId: string } | undefined {
  mkdirSync(dataDir, { recursive: true, mode: 0o700 })
  let text: string
  try {
    text = readFileSync(stampPath(dataDir), 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
    throw fromNodeError(error as NodeJS.ErrnoException, 'read the stamp')
  }
  const { format, nodeId, clusterId } = parse(dataDir, text)
  if (typeof format !== 'number' || typeof nodeId !== 'string' || typeof clusterId !== 'string') {
    throw new FsError('CORRUPT', `${stampPath(dataDir)} is not a stamp`)
  }
  if (format > FORMAT) {
    const known = `this version knows up to ${FORMAT}: use a newer Hopbine`
    throw new FsError('UNSUPPORTED', `${dataDir} has format ${format}; ${known}`)
  }
  return { nodeId, clusterId }
}

function parse(dataDir: string, text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>
  } catch (error) {
    throw new FsError('CORRUPT', `${stampPath(dataDir)} is not JSON`, {}, { cause: error })
  }
}
