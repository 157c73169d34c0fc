/** What `mknod` makes: kinds, and the numbers that devices have. */
import { KIND } from '../protocol/types.ts'

const SPECIAL: readonly number[] = [KIND.fifo, KIND.socket, KIND.blockDevice, KIND.charDevice]
const DEVICES: readonly number[] = [KIND.blockDevice, KIND.charDevice]

export function isSpecial(kind: number): boolean {
  return SPECIAL.includes(kind)
}

/** Only superusers make them. */
export function isDevice(kind: number): boolean {
  return DEVICES.includes(kind)
}

/** A device, and nothing else, has numbers, as `MAJOR:MINOR`. */
export function hasItsNumbers(kind: number, device: string): boolean {
  return isDevice(kind) === /^\d{1,7}:\d{1,7}$/.test(device)
}
