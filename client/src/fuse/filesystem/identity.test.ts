import { appendFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import t from 'tap'
import { Identity, supplementaryGroups } from './identity.ts'

t.test('numbers and names belong together as the files say; others go by digits or as nobody', async t => {
  const folder = t.testdir()
  const [passwd, group] = [join(folder, 'passwd'), join(folder, 'group')]
  writeFileSync(passwd, 'root:x:0:0::/root:/bin/sh\nada:x:1000:100::/:\nalias:x:1000:100::/:\nbroken\n')
  writeFileSync(group, 'root:x:0:\nstaff:x:50:ada\n')
  const identity = new Identity(passwd, group)
  t.equal(identity.userName(1000), 'ada')
  t.equal(identity.uidOf('ada'), 1000)
  t.equal(identity.uidOf('alias'), 1000)
  t.equal(identity.groupName(50), 'staff')
  t.equal(identity.userName(4321), '4321')
  t.equal(identity.uidOf('4321'), 4321)
  t.equal(identity.uidOf('nobody-knows'), 65_534)
  t.equal(identity.gidOf('99999999999'), 65_534)
  const header = { length: 0, opcode: 0, unique: 0, nodeId: 1, uid: 1000, gid: 50, pid: 0 }
  t.same(identity.speakerOf(header), { user: 'ada', groups: ['staff'] })
  appendFileSync(passwd, 'bob:x:1001:100::/:\n')
  await sleep(1_100)
  t.equal(identity.userName(1001), 'bob')
})

t.test('a machine without the files goes by digits', async t => {
  const identity = new Identity(join(t.testdir(), 'none'), join(t.testdir(), 'none'))
  t.equal(identity.userName(0), '0')
  t.equal(identity.uidOf('0'), 0)
})

t.test('groups of a thread come from the kernel; a thread that is gone has none', async t => {
  const own = new Set([process.getegid?.(), ...supplementaryGroups(process.pid)])
  t.same(own, new Set([process.getegid?.(), ...(process.getgroups?.() ?? [])]))
  t.same(supplementaryGroups(0), [])
  t.same(supplementaryGroups(2 ** 31 - 1), [])
})
