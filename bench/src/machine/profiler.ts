/**
 * Takes a CPU profile of another Node process that was started with `--inspect`, for exactly as long as the
 * caller wants. Sampling itself costs the process a few percent.
 */
import { BenchError } from '../failure.ts'
import type { CpuProfile } from '../report/profile.ts'

/** Time between samples, in microseconds. */
const SAMPLE_MICROS = 200

interface Answer {
  readonly id?: number
  readonly result?: { readonly profile?: CpuProfile }
  readonly error?: { readonly message: string }
}

/** Begins now; the function that it returns ends it and gives the profile. */
export async function profileProcess(inspectPort: number): Promise<() => Promise<CpuProfile>> {
  const list = await fetch(`http://127.0.0.1:${inspectPort}/json/list`)
  const [target] = (await list.json()) as Array<{ webSocketDebuggerUrl: string }>
  if (target === undefined) throw new BenchError(`nothing to profile on port ${inspectPort}`)
  const socket = new WebSocket(target.webSocketDebuggerUrl)
  await new Promise<void>((resolve, reject) => {
    socket.addEventListener('open', () => resolve())
    socket.addEventListener('error', () => reject(new BenchError('the inspector did not answer')))
  })
  await ask(socket, 1, 'Profiler.enable')
  await ask(socket, 2, 'Profiler.setSamplingInterval', { interval: SAMPLE_MICROS })
  await ask(socket, 3, 'Profiler.start')
  return async () => {
    const answer = await ask(socket, 4, 'Profiler.stop')
    socket.close()
    if (answer.result?.profile === undefined) throw new BenchError('the inspector gave no profile')
    return answer.result.profile
  }
}

function ask(socket: WebSocket, id: number, method: string, params: object = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const onMessage = (event: MessageEvent): void => {
      const answer = JSON.parse(String(event.data)) as Answer
      if (answer.id !== id) return
      socket.removeEventListener('message', onMessage)
      if (answer.error === undefined) resolve(answer)
      else reject(new BenchError(`${method}: ${answer.error.message}`))
    }
    socket.addEventListener('message', onMessage)
    socket.send(JSON.stringify({ id, method, params }))
  })
}
