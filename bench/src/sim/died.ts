/** Ends what a simulated process is in the middle of. */
export class Died extends Error {
  override name = 'Died'
}
