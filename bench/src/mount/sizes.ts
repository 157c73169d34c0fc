/** How much work each workload does, from the options. */

export interface Sizes {
  /** Of the source tree that is unpacked, copied and searched. */
  readonly treeFiles: number
  readonly treeFolders: number
  /** That `npm ci` installs. */
  readonly packages: number
  /** Empty files that `rm` removes. */
  readonly removedFiles: number
  /** Files of 10 KiB. */
  readonly smallFiles: number
  /** Names that are made, moved and removed, of all processes together. */
  readonly names: number
  readonly transactions: number
  readonly mebibytes: number
  /** Files whose attributes are asked for, and how often each. */
  readonly statFiles: number
  readonly statTimes: number
}

export const SMALL_FILE_BYTES = 10 * 1024

/** `scale` is in percent. */
export function sizesOf(scale: number, mebibytes: number): Sizes {
  const part = (whole: number): number => Math.max(1, Math.round((whole * scale) / 100))
  return {
    treeFiles: part(3_000),
    treeFolders: part(300),
    packages: part(150),
    removedFiles: part(10_000),
    smallFiles: part(2_000),
    names: part(4_000),
    transactions: part(500),
    mebibytes: part(mebibytes),
    statFiles: part(1_000),
    statTimes: 20,
  }
}
