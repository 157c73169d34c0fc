/** Reads the settings file `config.json` of a home folder: a flat object of option names and values. */
import { readFileSync } from 'node:fs'
import { CommandError } from '../exit.ts'
import { nearest } from '../options/nearest.ts'
import type { OptionRow } from '../options/row.ts'
import type { HomeLayout } from './layout.ts'

export interface SettingsFile {
  readonly path: string
  readonly values: Readonly<Record<string, unknown>>
}

/** Undefined where there is no such file. A damaged file or an unknown name throws CommandError. */
export function readSettings(layout: HomeLayout, known: readonly OptionRow[]): SettingsFile | undefined {
  const path = layout.settingsFile
  const text = readText(path)
  if (text === undefined) return undefined
  const values = parse(text, path)
  const names = known.filter(row => row.setting === true).map(row => row.name)
  for (const name of Object.keys(values)) {
    if (names.includes(name)) continue
    const close = nearest(name, names)
    const hint = close === undefined ? `it knows ${names.join(', ')}` : `did you mean "${close}"?`
    throw new CommandError(`${path} has an unknown setting "${name}": ${hint}`)
  }
  return { path, values }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new CommandError(`cannot read ${path} (${message}): correct its permissions or remove it`)
  }
}

function parse(text: string, path: string): Record<string, unknown> {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (error) {
    throw new CommandError(
      `${path} is not valid JSON (${oneLine((error as Error).message)}): correct it or remove it`,
    )
  }
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw new CommandError(
    `${path} must hold one JSON object, like {"log-level": "debug"}: correct it or remove it`,
  )
}

function oneLine(text: string): string {
  return text.replace(/\s+/g, ' ')
}
