/** `hopbine admin changes`: the ordered feed of committed changes, as text or JSON, once or for ever. */
import { changes as changesMethod } from '@hopbine/common/protocol/metadata.ts'
import type { ChangeEvent } from '@hopbine/common/protocol/types.ts'
import { EXIT, exitOnInterrupt } from '../exit.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { withFileSystem } from './connection.ts'

/** Events asked for at a time. */
const PAGE_MAX = 1_000
/** How long one request waits for changes when following, in milliseconds. */
const WAIT_MS = 20_000

export const command = defineCommand({
  name: 'admin changes',
  sentence: 'Shows committed changes in the order of the log.',
  usage: '',
  words: [0, 0],
  options: [
    homeOption,
    {
      name: 'from',
      type: 'count',
      value: 'INDEX',
      default: 0,
      sentence: 'First log index to show; 0 starts with the oldest that is kept.',
    },
    { name: 'max', type: 'count', minimum: 1, sentence: 'Show at most so many changes.' },
    { name: 'follow', type: 'flag', sentence: 'Wait for further changes until Ctrl-C.' },
    jsonOption,
  ],
  notes: ['Where changes were dropped already, the first index kept is told on standard error; exit code 1.'],
  async run({ values }) {
    exitOnInterrupt()
    const out = new Printer()
    return withFileSystem(values.home, async fs => {
      let from = values.from
      let left = values.max ?? Number.MAX_SAFE_INTEGER
      let exitCode: number = EXIT.ok
      for (;;) {
        const max = Math.min(PAGE_MAX, left)
        const page = await fs.call(changesMethod, { from, max, waitMs: values.follow ? WAIT_MS : 0 })
        if (from > 0 && from < page.oldest) {
          process.stderr.write(`changes before index ${page.oldest} are no longer kept\n`)
          exitCode = EXIT.failure
        }
        for (const event of page.events) {
          if (values.json) await out.json(eventJson(event))
          else await out.line(eventLine(event))
        }
        await out.flush()
        left -= page.events.length
        const isEnd = page.events.length === 0 && !values.follow
        if (left <= 0 || isEnd) return exitCode
        from = Math.max(page.next, page.oldest)
      }
    })
  },
})

function eventLine(event: ChangeEvent): string {
  const when = new Date(event.seconds * 1000).toISOString().slice(0, 19)
  const where = `${event.parentId}/${event.name}`
  const before = event.oldName === '' ? '' : ` from ${event.oldParentId}/${event.oldName}`
  const subject = `${event.what} ${where} (inode ${event.inodeId})`
  return `${event.index}.${event.part} ${when}Z ${event.user} ${subject}${before}`
}

function eventJson(event: ChangeEvent): Record<string, unknown> {
  const { seconds, nanos, oldParentId, oldName, ...rest } = event
  const time = new Date(seconds * 1000 + Math.floor(nanos / 1e6)).toISOString()
  return oldName === '' ? { ...rest, time } : { ...rest, time, oldParentId, oldName }
}
