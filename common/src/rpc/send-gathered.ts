/** Hands what a connection gathered to its socket, without a copy where the kernel takes it at once. */
import type { Socket } from 'node:net'
import { Writer } from '../wire/writer.ts'

/** A buffer that grew beyond this for one large message is not kept, in bytes. */
const KEPT_BYTES_MAX = 1024 * 1024

/** Answers the writer to gather into from now on: the same one if the socket needs its memory no longer. */
export function sendGathered(socket: Socket, gathered: Writer): Writer {
  socket.write(gathered.view())
  if (socket.writableLength > 0 || gathered.capacity > KEPT_BYTES_MAX) return new Writer()
  gathered.reset()
  return gathered
}
