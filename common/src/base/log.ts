/**
 * Structured log of a role on standard error: an event name and fields, no prose. As JSON, one object a line,
 * for machines; as text, one line with time, level, event and fields, for people.
 */
import pino, { type Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger

export const LOG_LEVELS = ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'] as const
export const LOG_FORMATS = ['json', 'text'] as const
export type LogFormat = (typeof LOG_FORMATS)[number]

/** Of lines that cannot be written now. */
const WAITING_BYTES_MAX = 1024 * 1024

/** `level` is one of LOG_LEVELS; anything else throws. */
export function makeLogger(role: string, level: string, format: LogFormat = 'json'): Logger {
  const output = pino.destination({ dest: 2, sync: true, maxLength: WAITING_BYTES_MAX })
  // A service outlives its log: on a full disk lines wait, then are dropped, and nobody is there to be told.
  output.on('error', () => undefined)
  const options = { level, base: { role, pid: process.pid } }
  if (format === 'json') return pino(options, output)
  return pino(options, { write: line => output.write(textOf(line)) })
}

/** One JSON line of ours as text: `2026-11-24T21:30:00.000Z INFO  namenode[42] namenode-ready port=8020`. */
function textOf(line: string): string {
  const { time, level, role, pid, msg, event, ...fields } = JSON.parse(line) as Record<string, unknown>
  const when = new Date(time as number).toISOString()
  const name = (pino.levels.labels[level as number] ?? String(level)).toUpperCase().padEnd(5)
  const rest = Object.entries(fields).map(([key, value]) => ` ${key}=${shown(value)}`)
  return `${when} ${name} ${role}[${pid}] ${[msg, event].filter(Boolean).join(' ')}${rest.join('')}\n`
}

function shown(value: unknown): string {
  if (typeof value === 'string' && /^[^\s"=]+$/.test(value)) return value
  return JSON.stringify(value)
}
