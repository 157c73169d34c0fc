/** Times as text. */
import type { Time } from '@hopbine/client/index.ts'

/** `2026-11-24 20:41` in the time zone of this machine, as listings show it. */
export function minuteText(time: Time): string {
  return secondText(new Date(time.seconds * 1000)).slice(0, 16)
}

/** `2026-11-24 20:41:07` in the time zone of this machine. */
export function secondText(date: Date): string {
  const day = `${pad(date.getFullYear(), 4)}-${pad(date.getMonth() + 1)}-${pad(date.getDate())}`
  return `${day} ${pad(date.getHours())}:${pad(date.getMinutes())}:${pad(date.getSeconds())}`
}

/** `2026-11-24 20:41:07` in UTC, as Hadoop's `-stat` shows times. */
export function utcText(time: Time): string {
  return new Date(time.seconds * 1000).toISOString().slice(0, 19).replace('T', ' ')
}

/** `20261124204107` without its century, the name of a trash checkpoint, in local time. */
export function checkpointName(date: Date): string {
  return secondText(date).slice(2).replaceAll(/[- :]/g, '')
}

function pad(number: number, digits = 2): string {
  return String(number).padStart(digits, '0')
}
