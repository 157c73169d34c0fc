/** registerDatanode: who may hold blocks, and where it listens. */
import { FsError } from '@hopbine/common/base/errors.ts'
import { registerDatanode as method } from '@hopbine/common/protocol/cluster.ts'
import { plainWrite } from './operation.ts'

export const registerDatanode = plainWrite(
  method,
  (tx, context, { nodeId, host, port, rack }) => {
    if (!context.superuser) throw new FsError('NOT_PERMITTED', 'only a superuser may add a datanode')
    if (!/^[\w.-]{1,64}$/.test(nodeId) || host === '' || port === 0) {
      throw new FsError(
        'INVALID_ARGUMENT',
        'a datanode needs an id of 1 to 64 letters, digits, . _ -, a host and a port',
      )
    }
    tx.datanodes.put({ nodeId, host, port, rack })
    return { clusterId: tx.meta.clusterId, capabilityKey: tx.meta.capabilityKey }
  },
  { frees: true },
)
