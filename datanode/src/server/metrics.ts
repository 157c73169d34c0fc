/** What a datanode counts, and the plain HTTP door where Prometheus reads it. */
import { createServer, type Server } from 'node:http'
import { fromNodeError } from '@hopbine/common/base/errors.ts'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export interface DatanodeCounters {
  readonly registry: Registry
  readonly bytesRead: Counter
  readonly bytesWritten: Counter
  readonly syncs: Counter
  readonly failures: Counter<'code'>
  readonly badBlocks: Counter
  readonly refusedCapabilities: Counter
  readonly scrubbedBytes: Counter
  readonly rewrittenBytes: Counter
  readonly droppedBlocks: Counter
  readonly heartbeatFailures: Counter
  readonly connections: Gauge
}

export function makeCounters(blocks: () => number, freeBytes: () => number): DatanodeCounters {
  const registry = new Registry()
  const registers = [registry]
  collectDefaultMetrics({ register: registry })
  const counter = (name: string, help: string): Counter =>
    new Counter({ name: `hopbine_datanode_${name}`, help, registers })
  const gauge = (name: string, help: string, read?: () => number): Gauge =>
    new Gauge({
      name: `hopbine_datanode_${name}`,
      help,
      registers,
      ...(read === undefined
        ? {}
        : {
            collect() {
              this.set(read())
            },
          }),
    })
  gauge('blocks', 'Blocks held, open and sealed.', blocks)
  gauge('free_bytes', 'Free bytes of the disk.', freeBytes)
  return {
    registry,
    bytesRead: counter('read_bytes_total', 'Verified bytes sent to readers.'),
    bytesWritten: counter('written_bytes_total', 'Verified bytes received and written.'),
    syncs: counter('syncs_total', 'Sync and seal requests served.'),
    failures: new Counter({
      name: 'hopbine_datanode_failures_total',
      help: 'Failures answered, by error code.',
      labelNames: ['code'],
      registers,
    }),
    badBlocks: counter('bad_blocks_total', 'Copies found corrupt.'),
    refusedCapabilities: counter('refused_capabilities_total', 'Requests refused for their capability.'),
    scrubbedBytes: counter('scrubbed_bytes_total', 'Bytes read and verified by the scrubber.'),
    rewrittenBytes: counter('rewritten_bytes_total', 'Bytes moved together in files that were cut up.'),
    droppedBlocks: counter('dropped_blocks_total', 'Blocks dropped after the namenode confirmed it.'),
    heartbeatFailures: counter('heartbeat_failures_total', 'Heartbeats and registrations without an answer.'),
    connections: gauge('connections', 'Open block connections.'),
  }
}

/** Serves GET /metrics; port 0 takes a free one. */
export function serveMetrics(registry: Registry, host: string, port: number): Promise<Server> {
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url !== '/metrics') {
      response.writeHead(404).end()
      return
    }
    registry.metrics().then(
      text => response.writeHead(200, { 'content-type': registry.contentType }).end(text),
      error => response.writeHead(500).end(String(error)),
    )
  })
  return new Promise((resolve, reject) => {
    server.once('error', error => reject(fromNodeError(error, `listen on ${host}:${port}`)))
    server.listen(port, host, () => resolve(server))
  })
}
