import t from 'tap'
import { aclEntry, aclEntryText, wireAcl } from './acl.ts'

t.test('text of setfacl and of Hadoop becomes entries, and entries become text', async t => {
  const { access, default: byDefault } = wireAcl(
    'user::rwx, u:ada:r-x,g:lab:6,mask::rw,o::-,default:user:eve:--x',
    'replace',
  )
  t.same(
    access?.map(entry => aclEntryText(aclEntry(entry))),
    ['user::rwx', 'user:ada:r-x', 'group:lab:rw-', 'mask::rw-', 'other::---'],
  )
  t.same(byDefault, [{ tag: 2, name: 'eve', rights: 1 }])
  t.same(wireAcl('u:ada,d:g:lab:', 'remove'), {
    access: [{ tag: 2, name: 'ada', rights: 0 }],
    default: [{ tag: 8, name: 'lab', rights: 0 }],
  })
  t.same(wireAcl({ default: [] }, 'replace'), { access: undefined, default: [] })
})

t.test('other text is refused with what is wrong in it', async t => {
  for (const [text, how, words] of [
    ['', 'modify', /type/],
    ['who:ada:rwx', 'modify', /type/],
    ['user:ada', 'modify', /permission/],
    ['user:ada:', 'modify', /permission/],
    ['user:ada:wr', 'modify', /permission/],
    ['user:ada:8', 'modify', /permission/],
    ['user:ada:rwx:x', 'modify', /Invalid <aclSpec>/],
    ['user:ada:rwx', 'remove', /Invalid <aclSpec>/],
  ] as const) {
    t.throws(() => wireAcl(text, how), { code: 'INVALID_ARGUMENT', message: words }, text)
  }
  t.throws(() => aclEntry({ tag: 3, name: '', rights: 0 }), { code: 'BAD_FRAME' })
})
