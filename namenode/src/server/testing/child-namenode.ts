/** A namenode in a process of its own, for tests that kill it. Its configuration is the first argument. */
import { startNamenode } from '../namenode.ts'

const namenode = await startNamenode(JSON.parse(process.argv[2] as string))
console.log(JSON.stringify({ address: { host: namenode.host, port: namenode.port }, nodeId: 'namenode' }))
