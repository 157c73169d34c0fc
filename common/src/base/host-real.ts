/** The real world behind `Host`. */
import { randomBytes } from 'node:crypto'
import type { Host } from './host.ts'

export function realHost(): Host {
  return {
    clock: { wall, monotonicMs },
    random: { bytes: count => randomBytes(count), fraction: () => Math.random() },
    timers: {
      after(delayMs, body) {
        const timer = setTimeout(body, delayMs)
        timer.unref()
        return () => clearTimeout(timer)
      },
      every(periodMs, body) {
        const timer = setInterval(body, periodMs)
        timer.unref()
        return () => clearInterval(timer)
      },
    },
  }
}

/** Node's wall clock has microseconds at best; the last three digits of the nanoseconds are zero. */
function wall(): { seconds: number; nanos: number } {
  const ms = performance.timeOrigin + performance.now()
  // A laptop's sleep stops performance.now(); the coarse clock decides when the two are apart.
  const coarse = Date.now()
  const best = Math.abs(ms - coarse) > 5 ? coarse : ms
  const seconds = Math.floor(best / 1000)
  return { seconds, nanos: Math.floor((best - seconds * 1000) * 1000) * 1000 }
}

function monotonicMs(): number {
  return performance.now()
}
