/** `-test`: answers a question about a path by the exit code: 0 yes, 1 no. */
import { EXIT } from '../exit.ts'
import { wrong } from './arguments.ts'
import type { ShellCall } from './call.ts'
import type { FsCommand } from './command.ts'
import { expand, type FoundItem } from './items.ts'

const QUESTIONS = ['d', 'e', 'f', 's', 'r', 'w', 'z'] as const

const test: FsCommand = {
  name: 'test',
  usage: '-[defsrwz] <path>',
  sentence: 'Answers a question about a path: exit code 0 for yes, 1 for no.',
  flags: [
    { name: 'd', sentence: 'Is it a directory?' },
    { name: 'e', sentence: 'Is it there?' },
    { name: 'f', sentence: 'Is it a file?' },
    { name: 's', sentence: 'Is it a file that is not empty, or a directory with entries?' },
    { name: 'r', sentence: 'May I read it?' },
    { name: 'w', sentence: 'May I write it?' },
    { name: 'z', sentence: 'Is it a file without a byte?' },
  ],
  arguments: [1, 1],
  printsJson: false,
  async run(call) {
    const asked = QUESTIONS.filter(flag => call.has(flag))
    if (asked.length === 0) throw wrong('No test flag given')
    if (asked.length > 1) throw wrong('Only one test flag is allowed')
    const items = await expand(call, call.args[0] ?? '')
    const answers = items.map(({ status, ...rest }) =>
      status === undefined ? false : answer(call, asked[0] ?? 'e', { ...rest, status }),
    )
    if (answers.includes(false)) call.exitCode = EXIT.failure
  },
}

function answer(call: ShellCall, question: (typeof QUESTIONS)[number], { status }: FoundItem): boolean {
  switch (question) {
    case 'd':
      return status.isDirectory()
    case 'e':
      return true
    case 'f':
      return status.isFile()
    case 's':
      return status.isDirectory() ? status.children > 0 : status.size > 0
    case 'z':
      return status.isFile() && status.size === 0
    case 'r':
      return mayDo(call, status, 0o4)
    case 'w':
      return mayDo(call, status, 0o2)
  }
}

/** By the mode bits of the class that the caller belongs to. */
function mayDo(call: ShellCall, status: FoundItem['status'], bit: number): boolean {
  const { user, groups, superuser } = call.fs
  if (superuser) return true
  if (status.owner === user) return (status.mode & (bit << 6)) !== 0
  if (groups.includes(status.group)) return (status.mode & (bit << 3)) !== 0
  return (status.mode & bit) !== 0
}

export const commands = [test]
