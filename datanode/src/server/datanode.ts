/**
 * A whole datanode: locks and stamps its folder, listens for blocks, registers with the namenode, and runs
 * scrubber, rewriter and tombstones beside. It composes the parts and holds no rule of its own.
 */
import type { Server } from 'node:http'
import { assert } from '@hopbine/common/base/assert.ts'
import { type LogFormat, type Logger, makeLogger } from '@hopbine/common/base/log.ts'
import { Rewriter } from '../rewrite/rewriter.ts'
import { BlockStore } from '../store/block-store.ts'
import { FolderLock } from '../store/folder-lock.ts'
import { FolderStamp } from '../store/folder-stamp.ts'
import type { BlockName } from '../store/layout.ts'
import { Scrubber } from '../store/scrubber.ts'
import { reserveFor } from '../store/space.ts'
import { BlockServer } from './block-server.ts'
import { type DatanodeCounters, makeCounters, serveMetrics } from './metrics.ts'
import { NamenodeLink, type NamenodeSeeds } from './namenode-link.ts'
import { openNodeCertificate, overTls } from './node-certificate.ts'
import { BlockService } from './service.ts'
import { Tombstones } from './tombstones.ts'

export interface DatanodeConfig {
  readonly dataDir: string
  /** Default: drawn once and kept in the folder. */
  readonly nodeId?: string
  readonly namenode: NamenodeSeeds
  /** Folder with its certificate: namenodes on TCP are reached over TLS. Absent: with their token. */
  readonly tlsFolder?: string | undefined
  /** Address to listen on. Default 127.0.0.1. */
  readonly host?: string
  /** Address to tell clients, where it differs from `host`. */
  readonly advertisedHost?: string
  /** 0 (default) takes a free one. */
  readonly port?: number
  /** Undefined (default): no metrics; 0: a free port. */
  readonly metricsPort?: number | undefined
  /** Default `info`. */
  readonly logLevel?: string
  /** Default `json`. */
  readonly logFormat?: LogFormat
  /** Default `/default`. */
  readonly rack?: string
  /** New blocks are refused while less is free, in bytes. Default 256 MiB, or a sixth of a small disk. */
  readonly reserveBytes?: number
  /** Rate of the scrubber in bytes per second; 0: off. Default 8 MiB. */
  readonly scrubBytesPerSecond?: number
  /**
   * Rate at which files that were cut up by overwrites are put together, in bytes per second; 0: off. Default
   * 64 MiB.
   */
  readonly rewriteBytesPerSecond?: number
  /** Default 3,000. */
  readonly heartbeatMs?: number
}

export interface Datanode {
  readonly address: { readonly host: string; readonly port: number }
  readonly nodeId: string
  readonly metricsPort: number | undefined
  /** Verifies every block now; answers how many copies were bad. */
  scrub(): Promise<number>
  stop(): Promise<void>
}

const DEFAULTS = {
  host: '127.0.0.1',
  port: 0,
  metricsPort: undefined,
  logLevel: 'info',
  logFormat: 'json',
  rack: '/default',
  scrubBytesPerSecond: 8 * 1024 * 1024,
  rewriteBytesPerSecond: 64 * 1024 * 1024,
  heartbeatMs: 3_000,
} as const

type Settled = DatanodeConfig &
  Required<Omit<DatanodeConfig, 'nodeId' | 'tlsFolder' | 'advertisedHost' | 'metricsPort' | 'reserveBytes'>>

/**
 * Starts a datanode. It serves blocks once it has met its namenode, which it looks for at every heartbeat.
 * Throws BUSY when the folder is in use, UNSUPPORTED for a newer format, INVALID_ARGUMENT for another
 * cluster's folder.
 */
export async function startDatanode(config: DatanodeConfig): Promise<Datanode> {
  const settled: Settled = { ...DEFAULTS, ...config }
  const stamp = await FolderStamp.open(settled.dataDir, settled.nodeId)
  const lock = await FolderLock.take(settled.dataDir)
  const stops: Array<() => Promise<void>> = [async () => lock.release()]
  const stop = async (): Promise<void> => {
    for (const end of stops.splice(0).reverse()) await end()
  }
  try {
    return await assemble(settled, stamp, stops, stop)
  } catch (error) {
    await stop()
    throw error
  }
}

async function assemble(
  config: Settled,
  stamp: FolderStamp,
  stops: Array<() => Promise<void>>,
  stop: () => Promise<void>,
): Promise<Datanode> {
  const log = makeLogger('datanode', config.logLevel, config.logFormat)
  const counters: DatanodeCounters = makeCounters(
    () => store.blocks,
    () => store.space().freeBytes,
  )
  const { dataDir, reserveBytes = reserveFor(dataDir) } = config
  const onQuarantined = (name: BlockName, reason: string): void => {
    counters.badBlocks.inc()
    log.warn({ event: 'bad-block', blockId: name.blockId, group: name.group, reason })
  }
  const store = await BlockStore.open({ dataDir, reserveBytes, onQuarantined })
  stops.push(() => store.close())
  const report = (event: string, fields: Record<string, unknown>): void => log.info({ event, ...fields })
  const service = new BlockService({ store, counters, report })
  const server = new BlockServer(service)
  const port = await server.listen(stamp.nodeId, config.host, config.port)
  stops.push(() => server.close())
  const metrics = await startMetrics(config, service, stops)
  const scrubber = startScrubber(config, service, log)
  stops.push(() => scrubber.stop())
  await startLink(config, stamp, service, port, log, stops, stop)
  log.info({ event: 'serving', nodeId: stamp.nodeId, host: config.host, port, blocks: store.blocks })
  return {
    address: { host: config.advertisedHost ?? config.host, port },
    nodeId: stamp.nodeId,
    metricsPort: metrics,
    scrub: () => scrubber.pass(),
    stop,
  }
}

async function startMetrics(
  config: Settled,
  service: BlockService,
  stops: Array<() => Promise<void>>,
): Promise<number | undefined> {
  if (config.metricsPort === undefined) return undefined
  const http = await serveMetrics(service.counters.registry, config.host, config.metricsPort)
  stops.push(() => closeHttp(http))
  const address = http.address()
  assert(typeof address === 'object' && address !== null, 'a listening server has an address')
  return address.port
}

function startScrubber(config: Settled, service: BlockService, log: Logger): Scrubber {
  const scrubber = new Scrubber(service.store, {
    bytesPerSecond: config.scrubBytesPerSecond,
    onBad: (name, error) => service.foundBad(name, error),
    onRead: bytes => service.counters.scrubbedBytes.inc(bytes),
    onError: error => log.warn({ event: 'scrub-error', message: service.answerFor(error).message }),
  })
  scrubber.start()
  return scrubber
}

async function startLink(
  config: Settled,
  stamp: FolderStamp,
  service: BlockService,
  port: number,
  log: Logger,
  stops: Array<() => Promise<void>>,
  stop: () => Promise<void>,
): Promise<void> {
  const tombstones: Tombstones = new Tombstones(service, stamp.nodeId, () => link.client)
  const rewriter: Rewriter = new Rewriter({
    service,
    nodeId: stamp.nodeId,
    namenode: () => link.client,
    bytesPerSecond: config.rewriteBytesPerSecond,
  })
  const certificate = await openNodeCertificate(config.tlsFolder, service)
  stops.push(() => certificate.stop())
  const link: NamenodeLink = new NamenodeLink({
    namenode: overTls(config.namenode, certificate.tls),
    heartbeatMs: config.heartbeatMs,
    rack: config.rack,
    stamp,
    service,
    tombstones,
    rewriter,
    onForeign: error => {
      log.fatal({ event: 'foreign-cluster', message: error.message })
      stop().catch(failure => log.fatal({ event: 'stop-failed', message: String(failure) }))
    },
  })
  tombstones.start()
  stops.push(() => tombstones.stop())
  stops.push(() => link.stop())
  stops.push(() => rewriter.stop())
  await link.start(config.advertisedHost ?? config.host, port)
}

function closeHttp(server: Server): Promise<void> {
  return new Promise(resolve => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
}
