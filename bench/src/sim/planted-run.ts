/**
 * Runs the simulator with one planted bug, in a process of its own, until it is found: `planted-run.ts NAME
 * SEEDS SECONDS`. Prints one JSON line.
 */
import { registerHooks } from 'node:module'
import { argv, stdout } from 'node:process'
import { assert } from '@hopbine/common/base/assert.ts'
import { PLANTED_BUGS, type PlantedBug, type SourceEdit } from './planted-bugs.ts'

export interface PlantedResult {
  readonly name: string
  /** The seed that found it; undefined if none did. Seeds are tried from 1 on. */
  readonly seed: number | undefined
  readonly rule: string | undefined
}

/** Makes the loader give the edited text of some files. Throws if an edit no longer fits. */
function plant(bug: PlantedBug): void {
  const edits: readonly SourceEdit[] = [bug, ...(bug.also ?? [])]
  registerHooks({
    load(url, context, nextLoad) {
      const loaded = nextLoad(url, context)
      const here = edits.filter(({ file }) => url.endsWith(`/${file}`))
      if (here.length === 0) return loaded
      let source = String(loaded.source)
      for (const { file, text, instead } of here) {
        const parts = source.split(text)
        assert(
          parts.length === 2,
          `a text of ${bug.name} stands once in ${file}, not ${parts.length - 1} times`,
        )
        source = parts.join(instead)
      }
      return { ...loaded, source }
    },
  })
}

const [name, seeds, seconds] = argv.slice(2)
const bug = PLANTED_BUGS.find(bug => bug.name === name)
assert(bug !== undefined, `there is a planted bug ${name}`)
plant(bug)
// Only now: what is imported at the top would be loaded before the bug is planted.
const { simulate } = await import('./simulation.ts')
let result: PlantedResult = { name: bug.name, seed: undefined, rule: undefined }
for (let seed = 1; seed <= Number(seeds) && result.seed === undefined; seed++) {
  const { violation } = simulate({ seed, seconds: Number(seconds), callsPerSecond: 20 })
  if (violation !== undefined) result = { name: bug.name, seed, rule: violation.rule }
}
stdout.write(`${JSON.stringify(result)}\n`)
