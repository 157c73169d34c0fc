/** What a role process tells the process that supervises it, over Node's channel between parent and child. */

export type RoleMessage = ReadyMessage | FailedMessage

/** The role serves. Sent once. */
export interface ReadyMessage {
  readonly type: 'ready'
  readonly host: string
  readonly port: number
  /** 0: no metrics page. */
  readonly metricsPort: number
}

/** The role could not start and is about to exit; the sentence says why. */
export interface FailedMessage {
  readonly type: 'failed'
  readonly sentence: string
}

export function isRoleMessage(value: unknown): value is RoleMessage {
  if (typeof value !== 'object' || value === null || !('type' in value)) return false
  return value.type === 'ready' || value.type === 'failed'
}
