/**
 * A project with packages to be installed by `npm ci` without a network: packages that are made here, and a
 * cache of npm that was filled with them once, from a server that only this process had. Every directory
 * installs the same, from a cache that lies outside of all of them.
 */
import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { cp, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { delimiter, join } from 'node:path'
import { SeededRandom } from '../load/random.ts'
import { type Ran, runProgram } from './program.ts'
import { sizeOf, textOf } from './source-text.ts'

const SEED = 3
const VERSION = '1.0.0'
export const FILES_PER_PACKAGE = 20
const FOLDERS_PER_PACKAGE = 4

/** What keeps npm from being measured here; undefined if nothing does. */
export function npmHindrance(): string | undefined {
  const folders = (process.env.PATH ?? '').split(delimiter)
  return folders.some(folder => existsSync(join(folder, 'npm'))) ? undefined : 'there is no npm on the PATH'
}

export class NpmProject {
  readonly #folder: string
  /** Files that are installed. */
  readonly files: number

  private constructor(folder: string, packages: number) {
    this.#folder = folder
    this.files = packages * (FILES_PER_PACKAGE + 1)
  }

  /** Makes it in an empty folder. Throws BenchError when npm cannot install it. */
  static async make(folder: string, packages: number): Promise<NpmProject> {
    const project = new NpmProject(folder, packages)
    const random = new SeededRandom(SEED)
    await mkdir(join(folder, 'tarballs'), { recursive: true })
    const names = Array.from({ length: packages }, (_, index) => `bench-package-${index}`)
    for (const name of names) await makePackage(folder, name, random)
    const server = await serve(join(folder, 'tarballs'))
    try {
      await project.#writeManifests(names, (server.address() as AddressInfo).port)
      const first = join(folder, 'first')
      await mkdir(first)
      await project.#install(first, [])
      await rm(first, { recursive: true })
    } finally {
      server.close()
    }
    return project
  }

  /** Installs it into an empty folder. */
  install(folder: string): Promise<Ran> {
    return this.#install(folder, ['--offline'])
  }

  async #install(folder: string, words: readonly string[]): Promise<Ran> {
    for (const name of MANIFESTS) await cp(join(this.#folder, name), join(folder, name))
    const cache = ['--cache', join(this.#folder, 'cache'), '--logs-max=0']
    const [user, machine] = ['user', 'machine'].map(name => join(this.#folder, `no-config-of-${name}`))
    const none = [`--userconfig=${user}`, `--globalconfig=${machine}`, '--no-update-notifier']
    return runProgram(
      ['npm', 'ci', '--ignore-scripts', '--no-audit', '--no-fund', ...none, ...cache, ...words],
      folder,
    )
  }

  async #writeManifests(names: readonly string[], port: number): Promise<void> {
    const dependencies = Object.fromEntries(names.map(name => [name, VERSION]))
    const top = { name: 'bench-project', version: VERSION, dependencies }
    const packages: Record<string, unknown> = { '': top }
    for (const name of names) {
      const bytes = await readFile(join(this.#folder, 'tarballs', `${name}.tgz`))
      const integrity = `sha512-${createHash('sha512').update(bytes).digest('base64')}`
      const resolved = `http://127.0.0.1:${port}/${name}.tgz`
      packages[`node_modules/${name}`] = { version: VERSION, resolved, integrity }
    }
    const lock = { name: top.name, version: VERSION, lockfileVersion: 3, requires: true, packages }
    const texts = [top, lock].map(value => `${JSON.stringify(value, undefined, 2)}\n`)
    for (const [index, name] of MANIFESTS.entries())
      await writeFile(join(this.#folder, name), texts[index] ?? '')
  }
}

const MANIFESTS = ['package.json', 'package-lock.json'] as const

async function makePackage(folder: string, name: string, random: SeededRandom): Promise<void> {
  const own = join(folder, 'package')
  for (let number = 0; number < FOLDERS_PER_PACKAGE; number++) {
    await mkdir(join(own, `lib-${number}`), { recursive: true })
  }
  await writeFile(
    join(own, 'package.json'),
    JSON.stringify({ name, version: VERSION, main: 'lib-0/module-0.js' }),
  )
  for (let number = 0; number < FILES_PER_PACKAGE; number++) {
    const path = join(own, `lib-${number % FOLDERS_PER_PACKAGE}`, `module-${number}.js`)
    await writeFile(path, textOf(random, sizeOf(random)))
  }
  await runProgram(['tar', '-czf', join('tarballs', `${name}.tgz`), 'package'], folder)
  await rm(own, { recursive: true })
}

/** On loopback alone; it knows nothing but the tarballs. */
async function serve(folder: string): Promise<Server> {
  const server = createServer((request, response) => {
    const name = /^\/([a-z0-9-]+\.tgz)$/.exec(request.url ?? '')?.[1] ?? 'none'
    readFile(join(folder, name)).then(
      bytes => response.end(bytes),
      () => response.writeHead(404).end(),
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return server
}
