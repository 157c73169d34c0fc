/**
 * The examinations of `hopbine doctor`, each one a small question with a finding. They change nothing, and
 * one that cannot be answered is a finding, too.
 */
import type { HomeLayout } from '../home/layout.ts'
import { examineCluster } from './cluster.ts'
import { examineHome } from './home.ts'
import { examineMachine } from './machine.ts'

export interface Finding {
  readonly level: 'ok' | 'warning' | 'problem'
  readonly subject: string
  readonly what: string
  /** What to do; absent where nothing has to be done. */
  readonly remedy?: string
}

export async function* diagnose(layout: HomeLayout): AsyncGenerator<Finding> {
  yield* examineMachine(layout)
  yield* examineHome(layout)
  yield* examineCluster(layout)
}

export function ok(subject: string, what: string): Finding {
  return { level: 'ok', subject, what }
}

export function warning(subject: string, what: string, remedy: string): Finding {
  return { level: 'warning', subject, what, remedy }
}

export function problem(subject: string, what: string, remedy: string): Finding {
  return { level: 'problem', subject, what, remedy }
}
