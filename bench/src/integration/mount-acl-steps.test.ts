// test-timeout-seconds: 600
/** Random steps with ACLs by several users, on a mount and on a local filesystem: no difference. */
import { spawnSync } from 'node:child_process'
import { randomInt } from 'node:crypto'
import { chmodSync, mkdtempSync } from 'node:fs'
import { mkdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { ACL_STEPS } from './acl-steps.ts'
import { Mounted, mountHindrance } from './mounted.ts'

const SEEDS = 6
const STEPS = 300

const local = mkdtempSync(join(tmpdir(), 'hopbine-acl-'))
chmodSync(local, 0o755)
const PROBE =
  'import os, sys; os.setxattr(sys.argv[1], "system.posix_acl_access", bytes.fromhex(sys.argv[2]))'
/** user::rwx, group::r-x, other::r-x */
const VALUE = '02000000' + '01000700ffffffff' + '04000500ffffffff' + '20000500ffffffff'

function localHindrance(): string | undefined {
  const { status, stderr } = spawnSync('python3', ['-c', PROBE, local, VALUE], { encoding: 'utf8' })
  return status === 0 ? undefined : `${tmpdir()} has no ACLs to compare with: ${stderr}`
}

const hindrance = mountHindrance() ?? localHindrance()
if (hindrance !== undefined) {
  t.comment(`NO ACL WAS COMPARED: ${hindrance}`)
  t.pass(`skipped: ${hindrance}`, { skip: hindrance })
  await rm(local, { recursive: true })
  process.exit(0)
}

t.setTimeout(600_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const mounted = await Mounted.start(cluster.home.path)
t.teardown(async () => {
  await mounted.remove()
  await cluster.close()
  await rm(local, { recursive: true })
})

const first = randomInt(2 ** 30)
t.comment(`seed ${first}`)
for (let seed = first; seed < first + SEEDS; seed++) {
  t.test(`seed ${seed - first} after the first gives the same answers and the same ACLs`, async t => {
    const here = join(local, String(seed))
    await mkdir(here)
    await mkdir(mounted.path(String(seed)))
    const there = mounted.path(String(seed))
    const said = await mounted.run('python3', '-c', ACL_STEPS, here, there, String(seed), String(STEPS))
    t.match(said, /^\d+ inodes alike\n$/)
  })
}
