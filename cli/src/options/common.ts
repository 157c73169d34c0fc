/** Options that several commands share, so that they mean and say the same everywhere. */
import type { OptionRow } from './row.ts'

export const homeOption = {
  name: 'home',
  type: 'text',
  value: 'DIR',
  defaultNote: '~/.hopbine',
  sentence: 'The folder that holds everything of an installation.',
  setting: true,
} as const satisfies OptionRow

export const jsonOption = {
  name: 'json',
  type: 'flag',
  sentence: 'Print JSON, one value a line, instead of text for people.',
} as const satisfies OptionRow

export const backupHoldOption = {
  name: 'backup-hold-hours',
  type: 'count',
  value: 'N',
  default: 24,
  maximum: 24 * 366,
  sentence: 'How long datanodes keep the blocks of removed files, so that a restored backup finds them.',
  setting: true,
} as const satisfies OptionRow

export const logLevelOption = {
  name: 'log-level',
  type: 'choice',
  value: 'LEVEL',
  choices: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
  default: 'info',
  sentence: 'How much a role writes to its log.',
  setting: true,
} as const satisfies OptionRow

export const logFormatOption = {
  name: 'log-format',
  type: 'choice',
  value: 'FORMAT',
  choices: ['json', 'text'],
  default: 'json',
  sentence: 'Form of the log: JSON, one object a line, or text for people.',
  setting: true,
} as const satisfies OptionRow
