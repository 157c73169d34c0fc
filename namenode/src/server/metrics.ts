/** Counters and gauges of a namenode in Prometheus' text format, served over HTTP on loopback. */
import { createServer, type Server } from 'node:http'
import { fromNodeError } from '@hopbine/common/base/errors.ts'
import { Counter, collectDefaultMetrics, Gauge, Registry } from 'prom-client'

export class Metrics {
  readonly #registry = new Registry()
  readonly #operations: Counter<'method'>
  /** Counted here per request and handed to Prometheus at a scrape: a tenth of the cost. */
  readonly #counts = new Map<string, number>()
  #server: Server | undefined

  constructor() {
    collectDefaultMetrics({ register: this.#registry })
    this.#operations = new Counter({
      name: 'hopbine_namenode_operations_total',
      help: 'Requests answered, by method.',
      labelNames: ['method'],
      registers: [this.#registry],
      collect: () => this.#hand(),
    })
  }

  count(method: string): void {
    this.#counts.set(method, (this.#counts.get(method) ?? 0) + 1)
  }

  /** A value that is read when somebody asks. */
  gauge(name: string, help: string, read: () => number): void {
    new Gauge({
      name: `hopbine_namenode_${name}`,
      help,
      registers: [this.#registry],
      collect() {
        this.set(read())
      },
    })
  }

  /** Serves /metrics; port 0 takes a free one. Returns the port. */
  listen(host: string, port: number): Promise<number> {
    const server = createServer((request, response) => {
      if (request.url !== '/metrics') return response.writeHead(404).end()
      this.#registry.metrics().then(
        text => response.writeHead(200, { 'content-type': this.#registry.contentType }).end(text),
        (error: Error) => response.writeHead(500).end(error.message),
      )
      return response
    })
    this.#server = server
    return new Promise((resolve, reject) => {
      server.once('error', error => reject(fromNodeError(error, `serve metrics on ${host}:${port}`)))
      server.listen(port, host, () => {
        const address = server.address()
        resolve(typeof address === 'object' && address !== null ? address.port : port)
      })
    })
  }

  async stop(): Promise<void> {
    const server = this.#server
    if (server === undefined) return
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }

  #hand(): void {
    for (const [method, count] of this.#counts) this.#operations.inc({ method }, count)
    this.#counts.clear()
  }
}
