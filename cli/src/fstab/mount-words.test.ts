import t from 'tap'
import { UsageError } from '../exit.ts'
import { readMountWords } from './mount-words.ts'

t.test('what mount(8) passes becomes words of hopbine mount', async t => {
  const options = 'rw,nosuid,nodev,allow_other,home=/srv/h,cache_ms=0,_netdev,x-systemd.automount'
  t.same(readMountWords(['hopbine:/data', '/mnt/h', '-o', options, '-t', 'fuse.hopbine']), {
    kind: 'mount',
    words: ['--detach', '--allow-other', '--home', '/srv/h', '--cache-ms', '0', '/data', '/mnt/h'],
  })
  t.same(readMountWords(['hopbine', '/mnt/h', '-n', '-v']).kind, 'mount')
  t.same(readMountWords(['/a', '/mnt/h', '-o', 'defaults,ro,noatime']), {
    kind: 'mount',
    words: ['--detach', '--read-only', '--atime', 'never', '/a', '/mnt/h'],
  })
})

t.test('the last of two options that contradict each other counts', async t => {
  const words = (options: string): unknown => readMountWords(['hopbine:/', '/m', '-o', options])
  t.match(words('ro,rw,suid,nosuid,nodev,dev'), { words: ['--detach', '--dev', '/', '/m'] })
})

t.test('a remount is left to the kernel, and -f mounts nothing', async t => {
  t.same(readMountWords(['hopbine:/', '/m', '-o', 'remount,ro,relatime']), {
    kind: 'remount',
    words: ['-i', '-o', 'remount,ro,relatime', '/m'],
  })
  t.same(readMountWords(['hopbine:/', '/m', '-f']), { kind: 'nothing' })
})

t.test('unknown options are refused unless mount(8) says to be sloppy', async t => {
  const args = ['hopbine:/', '/m', '-o', 'rw,colour=blue']
  t.throws(() => readMountWords(args), /there is no mount option colour=blue; those of Hopbine are ro, /)
  t.same(readMountWords([...args, '-s']), { kind: 'mount', words: ['--detach', '/', '/m'] })
  for (const wrong of [[], ['hopbine:/'], ['a', 'b', 'c'], ['a', 'b', '-o'], ['a', 'b', '--help']]) {
    t.throws(() => readMountWords(wrong), UsageError, wrong.join(' '))
  }
})
