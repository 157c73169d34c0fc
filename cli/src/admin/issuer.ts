/** The issuer of a home, for commands that sign. */
import { type PkiFolder, pkiFolder } from '@hopbine/common/pki/pki-folder.ts'
import type { Signer } from '@hopbine/common/pki/signer.ts'
import { CommandError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'

/** Throws CommandError where the home has none. */
export async function issuerOf(home: string | undefined): Promise<{ folder: PkiFolder; signer: Signer }> {
  const layout = layoutOf(homeOf(home))
  const folder = pkiFolder(layout.pkiFolder)
  const signer = (await import('@hopbine/common/pki/signer.ts')).Signer.load(folder)
  if (signer !== undefined) return { folder, signer }
  const what = `${layout.home} has no issuer of certificates`
  throw new CommandError(`${what}: use the home where \`hopbine admin init\` ran, or run it`)
}
