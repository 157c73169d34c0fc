/**
 * Structured log of a role: one JSON object a line on standard error, an event name and fields, no prose.
 * `level` is one of trace, debug, info, warn, error, fatal, silent.
 */
import pino, { type Logger as PinoLogger } from 'pino'

export type Logger = PinoLogger

export function makeLogger(role: string, level: string): Logger {
  return pino({ level, base: { role, pid: process.pid } }, pino.destination({ dest: 2, sync: true }))
}
