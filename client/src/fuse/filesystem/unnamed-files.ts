/** open(2) with O_TMPFILE: a file that has no name until linkat(2) gives it one. */
import { createUnnamed } from '@hopbine/common/protocol/metadata.ts'
import { MODE_BITS } from '@hopbine/common/rules/permission.ts'
import { OPEN_FLAG } from '../protocol/constants.ts'
import type { RequestOf } from '../protocol/request.ts'
import type { Reply } from '../session/session.ts'
import { createReply, isDirect, takeHandle } from './file-operations.ts'
import type { MountContext } from './mount-context.ts'

export async function createUnnamedFile(
  context: MountContext,
  { header, body }: RequestOf<'tmpfile'>,
): Promise<Reply> {
  const stamp = context.parts.cache.stamp()
  const { status } = await context.as(header).call(createUnnamed, {
    directory: context.path(header.nodeId),
    mode: body.mode & MODE_BITS,
    umask: body.umask,
  })
  const row = takeHandle(context, status, body.flags)
  context.orphaned([status.id])
  const entry = context.entry(status, header.nodeId, stamp)
  return createReply(context, header, entry, row, isDirect(body.flags) ? OPEN_FLAG.directIo : 0)
}
