/** Work on many things with a bounded number in progress. It starts nothing new after the first failure. */

/**
 * Does `work` for every item, at most `max` at a time; throws the first failure once everything started has
 * ended.
 */
export async function inParallel<T>(
  items: Iterable<T>,
  max: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]()
  let failure: { readonly error: unknown } | undefined
  const lane = async (): Promise<void> => {
    for (let next = iterator.next(); !next.done && failure === undefined; next = iterator.next()) {
      try {
        await work(next.value)
      } catch (error) {
        failure ??= { error }
      }
    }
  }
  await Promise.all(Array.from({ length: max }, lane))
  if (failure !== undefined) throw failure.error
}
