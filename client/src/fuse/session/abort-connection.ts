/**
 * Ends the kernel's side of a mount whose daemon does not answer, through the control filesystem of FUSE:
 * every call that waits gets ECONNABORTED, every later one ENOTCONN.
 */
import { writeFile } from 'node:fs/promises'
import { FsError } from '@hopbine/common/base/errors.ts'
import { runProgram } from './mount-point.ts'

const CONTROL = '/sys/fs/fuse/connections'

/**
 * `device` is the MAJOR:MINOR of the mount, noted while it was in the table. False if the kernel has no such
 * connection any more. Throws UNSUPPORTED where there is no control filesystem.
 */
export async function abortConnection(device: string): Promise<boolean> {
  // Devices of filesystems without a disk have major 0, and then the connection's number is the minor.
  const [major, number] = device.split(':')
  if (major !== '0' || number === undefined) {
    throw new FsError('INVALID_ARGUMENT', `${device} is not the device of a FUSE mount`)
  }
  if (await abort(number)) return true
  const { code, said } = await runProgram('mount', ['-t', 'fusectl', 'fusectl', CONTROL])
  // It was there all along, without this connection.
  if (code !== 0 && said.includes('already mounted')) return false
  if (code !== 0) throw new FsError('UNSUPPORTED', `fusectl cannot be mounted at ${CONTROL}: ${said}`)
  return abort(number)
}

async function abort(number: string): Promise<boolean> {
  try {
    await writeFile(`${CONTROL}/${number}/abort`, '1', { flag: 'r+' })
    return true
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return false
    throw error
  }
}
