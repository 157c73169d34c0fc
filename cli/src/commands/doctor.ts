/**
 * `hopbine doctor`: looks over this machine and an installation, and says what is wrong and what to do
 * about it.
 */

import { diagnose, type Finding } from '../doctor/diagnose.ts'
import { EXIT } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'

const MARKS = { ok: 'ok  ', warning: 'WARN', problem: 'FAIL' } as const

export const command = defineCommand({
  name: 'doctor',
  sentence: 'Says what is wrong with this machine and an installation, and what to do about it.',
  usage: '',
  words: [0, 0],
  options: [homeOption, jsonOption],
  notes: ['Changes nothing. Exit code 1 where something is wrong (FAIL), 0 otherwise.'],
  async run({ values }) {
    const out = new Printer()
    let hasProblem = false
    for await (const finding of diagnose(layoutOf(homeOf(values.home)))) {
      if (finding.level === 'problem') hasProblem = true
      if (values.json) await out.json(finding)
      else for (const line of lines(finding)) await out.line(line)
    }
    await out.flush()
    return hasProblem ? EXIT.failure : EXIT.ok
  },
})

function lines({ level, subject, what, remedy }: Finding): string[] {
  const head = `${MARKS[level]}  ${subject}: ${what}`
  return remedy === undefined ? [head] : [head, `      ${remedy}`]
}
