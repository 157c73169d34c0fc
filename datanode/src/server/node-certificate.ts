/** The certificate of a datanode, where it has one: kept good while it runs, shown to namenodes. */
import { CertificateKeeper } from '@hopbine/common/pki/certificate-keeper.ts'
import { NodeCredentials, type TlsDialer } from '@hopbine/common/pki/credentials.ts'
import type { Seed } from '@hopbine/common/rpc/server-choice.ts'
import type { NamenodeSeeds } from './namenode-link.ts'
import type { BlockService } from './service.ts'

export interface NodeCertificate {
  readonly tls: TlsDialer | undefined
  stop(): Promise<void>
}

/** Throws NOT_FOUND, ACCESS_DENIED or CORRUPT for a folder that holds no usable certificate. */
export async function openNodeCertificate(
  folder: string | undefined,
  service: BlockService,
): Promise<NodeCertificate> {
  if (folder === undefined) return { tls: undefined, stop: async () => undefined }
  const credentials = await NodeCredentials.load(folder)
  const keeper = new CertificateKeeper({ credentials, report: service.report })
  const unwatch = credentials.watch(
    () => undefined,
    ({ message }) => service.report('certificates-not-read', { message }),
  )
  keeper.start()
  return {
    tls: credentials.dialer('namenode'),
    stop: () => {
      unwatch()
      return keeper.stop()
    },
  }
}

/** The same namenodes; those on TCP are told who calls by a certificate instead of a token. */
export function overTls(seeds: NamenodeSeeds, tls: TlsDialer | undefined): NamenodeSeeds {
  if (tls === undefined) return seeds
  const secured = ({ address, token, member }: Omit<NamenodeSeeds, 'others'>): Seed => {
    const isLocal = 'path' in address
    return {
      address: isLocal ? address : { host: address.host, port: address.port, tls },
      ...(isLocal && token !== undefined ? { token } : {}),
      ...(member === undefined ? {} : { member }),
    }
  }
  return { ...secured(seeds), others: seeds.others?.map(secured) }
}
