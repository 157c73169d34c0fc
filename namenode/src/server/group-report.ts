/** A member's account of its group, for operators. */
import type { ResponseOf } from '@hopbine/common/protocol/method.ts'
import type { groupStatus } from '@hopbine/common/protocol/raft.ts'
import { isVoter, membersOf } from '../raft/configuration.ts'
import type { MemberId } from '../raft/messages.ts'
import type { Foundation } from './parts.ts'

export function groupReport(
  { members, replica, host }: Foundation,
  serves: boolean,
  heardMs: ReadonlyMap<MemberId, number>,
): ResponseOf<typeof groupStatus> {
  const { role, term, leader, lastIndex, committed, configuration, matchedOf } = replica.consensus
  const nowMs = host.clock.monotonicMs()
  const heardAgo = (id: MemberId): number => {
    if (id === members?.self) return 0
    const atMs = heardMs.get(id)
    return atMs === undefined ? -1 : Math.round(nowMs - atMs)
  }
  return {
    self: members?.self ?? leader,
    role,
    term,
    leader,
    serves,
    firstIndex: replica.log.firstIndex,
    lastIndex,
    committed,
    applied: replica.machine.appliedIndex,
    members:
      members === undefined
        ? []
        : membersOf(configuration).map(id => ({
            id,
            host: members.find(id)?.host ?? '',
            port: members.find(id)?.port ?? 0,
            voter: isVoter(configuration, id),
            matched: role === 'leader' || id === members.self ? matchedOf(id) : -1,
            heardMs: heardAgo(id),
          })),
  }
}
