/**
 * A connection for operators' commands: to the installation of a home folder, with the rights of its
 * socket.
 */
import type { FileSystem } from '@hopbine/client/index.ts'
import { connectHome } from '../home/connect.ts'
import { homeOf } from '../home/layout.ts'

export async function withFileSystem<T>(
  home: string | undefined,
  work: (fs: FileSystem) => Promise<T>,
): Promise<T> {
  const fs = await connectHome(homeOf(home))
  try {
    return await work(fs)
  } finally {
    fs.close()
  }
}
