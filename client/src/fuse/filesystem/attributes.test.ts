import { type FileStatus, KIND } from '@hopbine/common/protocol/types.ts'
import fc from 'fast-check'
import t from 'tap'
import { attributesOf, deviceOf, deviceText, entryType, kindOfType, TYPE } from './attributes.ts'
import { Identity } from './identity.ts'

const status: FileStatus = {
  id: 5000,
  name: 'a',
  kind: KIND.file,
  mode: 0o4750,
  owner: '1000',
  group: '50',
  size: 5000,
  atime: 1,
  atimeNs: 2,
  mtime: 3,
  mtimeNs: 4,
  ctime: 5,
  ctimeNs: 6,
  nlink: 2,
  blockSize: 0,
  replication: 1,
  children: 0,
  flags: 0,
  generation: 1,
  target: '',
}
const identity = new Identity('/none', '/none')

t.test('a status shows as stat(2) would; what is written and not saved wins', async t => {
  t.match(attributesOf(status, 5000, identity, undefined), {
    inode: 5000,
    size: 5000,
    blocks: 16,
    mode: TYPE.file | 0o4750,
    uid: 1000,
    gid: 50,
    nlink: 2,
    mtime: { seconds: 3, nanos: 4 },
    device: 0,
  })
  const changed = { seconds: 9, nanos: 8 }
  const written = attributesOf(status, 5000, identity, { size: 9000, changed })
  t.match(written, { size: 9000, mtime: changed, ctime: changed, atime: { seconds: 1 } })
  const directory = attributesOf({ ...status, kind: KIND.directory, children: 1000 }, 1, identity, undefined)
  t.match(directory, { size: 32_768, mode: TYPE.directory | 0o4750 })
})

t.test('kinds and types of entries belong together', async t => {
  for (const kind of Object.values(KIND)) t.equal(kindOfType(entryType(kind) << 12), kind)
  t.equal(kindOfType(0o170000), undefined)
})

t.test('device numbers come back from their text', async t => {
  t.equal(deviceText(deviceOf('8:1')), '8:1')
  t.equal(deviceOf('8:1'), 0x801)
  fc.assert(
    fc.property(fc.nat(0xfff), fc.nat(0xfffff), (major, minor) => {
      const text = `${major}:${minor}`
      return deviceText(deviceOf(text)) === text
    }),
  )
  t.equal(
    attributesOf({ ...status, kind: KIND.charDevice, target: '4:64' }, 1, identity, undefined).device,
    0x440,
  )
})
