/**
 * `hopbine admin cluster`: the group of namenodes at a glance, and who leads it. Asks each member itself, so
 * that it also tells of a group that serves nobody. Exit code 1 where something needs a hand.
 */
import { transferLeadership } from '@hopbine/common/protocol/raft.ts'
import { EXIT, UsageError } from '../exit.ts'
import { homeOf, layoutOf } from '../home/layout.ts'
import { defineCommand } from '../options/command.ts'
import { homeOption, jsonOption } from '../options/common.ts'
import { Printer } from '../output/printer.ts'
import { tableLines } from '../output/table.ts'
import { withFileSystem } from './connection.ts'
import { askMembers, type MemberAnswer } from './group-members.ts'

/** A member so many entries behind is told of; less is what is on its way. */
const BEHIND_MAX = 10_000

export const command = defineCommand({
  name: 'admin cluster',
  sentence: 'Shows how the members of the group of namenodes are, or lets another one lead.',
  usage: 'status | transfer MEMBER',
  words: [1, 2],
  options: [homeOption, jsonOption],
  notes: ['Exit code 1 where a member is away or behind, or nobody leads.'],
  async run({ values, positionals: [verb, word] }) {
    if (verb === 'transfer') return transfer(values.home, word)
    if (verb !== 'status' || word !== undefined) {
      throw new UsageError('say status, or transfer with the number of a member')
    }
    const answers = await askMembers(layoutOf(homeOf(values.home)))
    const out = new Printer()
    const health = healthOf(answers)
    if (values.json)
      await out.json({ isSound: health.isSound, sentences: health.sentences, members: answers })
    else for (const line of [...health.sentences, '', ...memberLines(answers)]) await out.line(line)
    await out.flush()
    return health.isSound ? EXIT.ok : EXIT.failure
  },
})

async function transfer(home: string | undefined, word: string | undefined): Promise<number> {
  const to = Number(word)
  if (word === undefined || !Number.isInteger(to) || to < 1) {
    throw new UsageError('transfer needs the number of the member that shall lead')
  }
  await withFileSystem(home, fs => fs.call(transferLeadership, { to }))
  process.stderr.write(`member ${to} leads\n`)
  return EXIT.ok
}

/** What is to be said of the group, in sentences, and whether nothing needs a hand. */
export function healthOf(answers: readonly MemberAnswer[]): { isSound: boolean; sentences: string[] } {
  const present = answers.flatMap(({ status }) => (status === undefined ? [] : [status]))
  const leader = present.find(({ serves }) => serves)
  const voters = answers.length
  const sentences = [headOf(answers, leader?.self, leader?.term)]
  const away = answers.filter(({ status }) => status === undefined)
  for (const { id, role, reason } of away) {
    sentences.push(`Member ${id} does not answer (${reason}): its log is logs/${role}.log.`)
  }
  const behind = present.filter(({ applied }) => (leader?.committed ?? applied) - applied > BEHIND_MAX)
  for (const { self, applied } of behind) {
    sentences.push(`Member ${self} is ${(leader?.committed ?? 0) - applied} entries behind and catches up.`)
  }
  const spare = Math.ceil(voters / 2) - 1 - away.length
  if (leader === undefined) {
    const needed = Math.floor(voters / 2) + 1
    sentences.push(
      present.length < needed
        ? `Nothing is served before ${needed} of ${voters} members answer: start those that are away.`
        : 'An election is under way, or members cannot reach one another: ask again in a moment.',
    )
  } else if (spare > 0)
    sentences.push(`It goes on when ${spare === 1 ? 'one member fails' : `${spare} fail`}.`)
  else if (voters > 1) sentences.push('It does not go on if a further member fails.')
  return { isSound: leader !== undefined && away.length === 0 && behind.length === 0, sentences }
}

function headOf(
  answers: readonly MemberAnswer[],
  leader: number | undefined,
  term: number | undefined,
): string {
  const { length } = answers
  if (length === 1) return 'One namenode, without a group: it serves while it runs.'
  if (leader === undefined) return `A group of ${length} namenodes, and none of them leads.`
  return `A group of ${length} namenodes: member ${leader} leads in term ${term}.`
}

function memberLines(answers: readonly MemberAnswer[]): string[] {
  const head = ['Member', 'Address', 'Role', 'Term', 'Log', 'Committed', 'Applied', 'Behind']
  const committed = Math.max(0, ...answers.map(({ status }) => status?.committed ?? 0))
  const rows = answers.map(({ id, rpc, status }) => {
    const address = `${rpc.host}:${rpc.port}`
    if (status === undefined) return [String(id), address, 'away', '-', '-', '-', '-', '-']
    const { role, term, firstIndex, lastIndex, applied } = status
    const figures = [term, `${firstIndex}–${lastIndex}`, status.committed, applied, committed - applied]
    return [String(id), address, role, ...figures.map(String)]
  })
  const right = 'right' as const
  return tableLines([head, ...rows], [right, 'left', 'left', right, right, right, right, right])
}
