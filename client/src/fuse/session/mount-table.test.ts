import t from 'tap'
import { mountAt, parseMountTable } from './mount-table.ts'

const TABLE = `22 28 0:20 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
40 28 0:39 / /mnt/with\\040blank\\134 rw,nosuid,relatime - fuse.hopbine hopbine:/a\\040b rw,user_id=0
41 28 0:40 / /mnt/x ro - fuse.hopbine hopbine:/ ro
42 28 0:41 / /mnt/x rw - tmpfs tmpfs rw
`

t.test('mounts are read with their blanks and without the optional fields', async t => {
  const table = parseMountTable(TABLE)
  t.equal(table.length, 4)
  t.match(table[1], {
    mountPoint: '/mnt/with blank\\',
    type: 'fuse.hopbine',
    source: 'hopbine:/a b',
    device: '0:39',
    options: ['rw', 'nosuid', 'relatime'],
  })
})

t.test('the mount at a directory is the one on top', async t => {
  const table = parseMountTable(TABLE)
  t.equal(mountAt(table, '/mnt/x')?.type, 'tmpfs')
  t.equal(mountAt(table, '/mnt'), undefined)
})
