/**
 * Whether work is done within so many milliseconds; rejects with what it fails with by then. Work that is
 * late goes on unwatched, and its failure concerns nobody any more.
 */
export async function within(work: Promise<unknown>, ms: number): Promise<boolean> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<false>(resolve => {
    timer = setTimeout(() => resolve(false), Math.max(ms, 0))
  })
  try {
    return await Promise.race([work.then(() => true), late])
  } finally {
    clearTimeout(timer)
  }
}
