/** Options of roles for TLS between nodes, and what they come to. */
import { existsSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { pkiFolder } from '@hopbine/common/pki/pki-folder.ts'
import { CommandError } from '../exit.ts'
import type { OptionRow } from './row.ts'

export const tlsOption = {
  name: 'tls',
  type: 'choice',
  value: 'WHEN',
  choices: ['on', 'accept', 'off'],
  defaultNote: 'on where there is a certificate, else off',
  sentence: 'TLS between nodes: on; off; accept, which takes it and does not ask for it yet.',
  setting: true,
} as const satisfies OptionRow

export const pkiOption = {
  name: 'pki',
  type: 'text',
  value: 'DIR',
  defaultNote: 'a folder `pki` beside the data',
  sentence: 'Folder with the certificate of this node, from `hopbine admin init` or `join`.',
} as const satisfies OptionRow

export interface TlsChoice {
  readonly folder: string
  readonly mode: 'on' | 'accept'
}

/** Undefined: without TLS. Throws CommandError where TLS was asked for and there is no certificate. */
export function tlsChoice(
  dataFolder: string,
  tls: 'on' | 'accept' | 'off' | undefined,
  pki: string | undefined,
): TlsChoice | undefined {
  const folder = pki === undefined ? join(dirname(dataFolder), 'pki') : resolve(pki)
  const isThere = existsSync(pkiFolder(folder).nodeFile)
  if (tls === 'off' || (tls === undefined && !isThere)) return undefined
  if (!isThere) {
    throw new CommandError(
      `there is no certificate in ${folder}: make one with \`hopbine admin init\` or \`hopbine admin join\``,
    )
  }
  return { folder, mode: tls ?? 'on' }
}
