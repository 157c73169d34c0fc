/**
 * Which member of a group a session speaks to next. One leads, and may change at any time: whoever is asked
 * and does not lead says who does, one that is dead or silent is passed over for a while. Pure: the clock is
 * the caller's.
 */
import { assert } from '../base/assert.ts'
import type { FsError } from '../base/errors.ts'
import type { Address } from './connection.ts'

/** A place where a server may be. */
export interface Seed {
  readonly address: Address
  /** Needed on TCP. */
  readonly token?: string
  /** Its number in the group; absent: not known. */
  readonly member?: number
}

/** One that did not answer is not asked again for so long, if there are others, in milliseconds. */
const PASSED_OVER_MS = 1_000

export class ServerChoice {
  readonly #seeds: readonly Seed[]
  #current: Seed
  readonly #failedMs = new Map<Seed, number>()

  constructor(seeds: readonly Seed[]) {
    assert(seeds.length > 0, 'a session has a server')
    this.#seeds = seeds
    this.#current = seeds[0] as Seed
  }

  /** How many there are. */
  get seeds(): number {
    return this.#seeds.length
  }

  /** Whether there is more than one. */
  get isGroup(): boolean {
    return this.#seeds.length > 1
  }

  get current(): Seed {
    return this.#current
  }

  /** It could not be reached, or broke off. */
  failed(seed: Seed, nowMs: number): void {
    this.#failedMs.set(seed, nowMs)
    if (seed === this.#current) this.#advance(nowMs)
  }

  /** It answered NOT_LEADER. True if it said who leads, and that is somebody else. */
  refused(seed: Seed, { details }: FsError, nowMs: number): boolean {
    if (seed !== this.#current) return true
    const hinted = this.#hinted(details)
    if (hinted === undefined || hinted === seed || this.#isPassedOver(hinted, nowMs)) {
      this.#advance(nowMs)
      return false
    }
    this.#current = hinted
    return true
  }

  #hinted({ leader, host, port }: FsError['details']): Seed | undefined {
    if (typeof leader !== 'number' || leader === 0) return undefined
    const known = this.#seeds.find(({ member }) => member === leader)
    if (known !== undefined || typeof host !== 'string' || typeof port !== 'number') return known
    const { token } = this.#seeds.find(seed => seed.token !== undefined) ?? {}
    const { tls } = this.#seeds.map(seed => tcpOf(seed.address)).find(tcp => tcp?.tls !== undefined) ?? {}
    const address = { host, port, tls }
    return token === undefined ? { address, member: leader } : { address, member: leader, token }
  }

  #isPassedOver(seed: Seed, nowMs: number): boolean {
    return nowMs - (this.#failedMs.get(seed) ?? Number.NEGATIVE_INFINITY) < PASSED_OVER_MS
  }

  #advance(nowMs: number): void {
    const at = this.#seeds.indexOf(this.#current)
    const others = [...this.#seeds.slice(at + 1), ...this.#seeds.slice(0, Math.max(at, 0))]
    this.#current = others.find(seed => !this.#isPassedOver(seed, nowMs)) ?? others[0] ?? this.#current
  }
}

function tcpOf(address: Address): Exclude<Address, { path: string }> | undefined {
  return 'path' in address ? undefined : address
}
