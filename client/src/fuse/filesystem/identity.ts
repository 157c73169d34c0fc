/**
 * Users and groups of this machine as Hopbine knows them: by name. Names come from /etc/passwd and
 * /etc/group, which are read again when they change; a number without a name goes by its digits, so it
 * comes back as the same number. Names that this machine does not know show as the overflow number. It
 * decides no rights.
 */
import { readFileSync, statSync } from 'node:fs'
import type { Speaker } from '@hopbine/common/rpc/principal-handles.ts'
import type { RequestHeader } from '../protocol/request.ts'

/** User and group that stand for a name which this machine does not know (`nobody`, `nogroup`). */
export const OVERFLOW_ID = 65_534
/** The files are looked at for changes at most so often, in milliseconds. */
const LOOK_MS = 1_000
/** Entries taken of one file; what comes later goes by digits. */
const ENTRIES_MAX = 100_000
const ID_MAX = 2 ** 32 - 2

/** One of the two files: numbers and names both ways. */
class NameFile {
  readonly #path: string
  #names = new Map<number, string>()
  #ids = new Map<string, number>()
  #version = ''
  #lookedAtMs = Number.NEGATIVE_INFINITY

  constructor(path: string) {
    this.#path = path
  }

  nameOf(id: number): string {
    this.#refresh()
    return this.#names.get(id) ?? String(id)
  }

  idOf(name: string): number {
    this.#refresh()
    const known = this.#ids.get(name)
    if (known !== undefined) return known
    const number = /^\d{1,10}$/.test(name) ? Number(name) : Number.NaN
    return number <= ID_MAX ? number : OVERFLOW_ID
  }

  #refresh(): void {
    const nowMs = performance.now()
    if (nowMs - this.#lookedAtMs < LOOK_MS) return
    this.#lookedAtMs = nowMs
    const found = statSync(this.#path, { throwIfNoEntry: false })
    const version = found === undefined ? 'none' : `${found.mtimeMs} ${found.size} ${found.ino}`
    if (version === this.#version) return
    this.#version = version
    this.#load(found === undefined ? '' : readFileSync(this.#path, 'utf8'))
  }

  /**
   * Both files have the name first and the number third, between colons. The first line of a number or name
   * counts.
   */
  #load(text: string): void {
    this.#names = new Map()
    this.#ids = new Map()
    for (const line of text.split('\n')) {
      const [name, , digits] = line.split(':')
      if (name === undefined || name === '' || !/^\d+$/.test(digits ?? '')) continue
      const id = Number(digits)
      if (!this.#names.has(id)) this.#names.set(id, name)
      if (!this.#ids.has(name)) this.#ids.set(name, id)
      if (this.#ids.size >= ENTRIES_MAX) return
    }
  }
}

export class Identity {
  readonly #users: NameFile
  readonly #groups: NameFile

  constructor(passwdPath = '/etc/passwd', groupPath = '/etc/group') {
    this.#users = new NameFile(passwdPath)
    this.#groups = new NameFile(groupPath)
  }

  userName(uid: number): string {
    return this.#users.nameOf(uid)
  }

  groupName(gid: number): string {
    return this.#groups.nameOf(gid)
  }

  uidOf(user: string): number {
    return this.#users.idOf(user)
  }

  gidOf(group: string): number {
    return this.#groups.idOf(group)
  }

  /** Who asks, with the groups that the asking thread has at this moment. */
  speakerOf(header: RequestHeader): Speaker {
    const groups = new Set([this.groupName(header.gid)])
    for (const gid of supplementaryGroups(header.pid)) groups.add(this.groupName(gid))
    return { user: this.userName(header.uid), groups: [...groups] }
  }
}

/**
 * proc(5): the line `Groups:` of a thread's status. None for a thread that is gone or lies in another
 * space.
 */
export function supplementaryGroups(pid: number): number[] {
  if (pid === 0) return []
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const line = /^Groups:\t([\d ]*)$/m.exec(status)?.[1] ?? ''
    return line
      .split(' ')
      .filter(digits => digits !== '')
      .map(Number)
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ESRCH') return []
    throw error
  }
}
