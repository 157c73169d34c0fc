// test-timeout-seconds: 120
/** Extended attributes on two mounts: known to be missing, and seen as soon as another mount sets one. */
import t from 'tap'
import { ProcessCluster } from '../cluster/processes.ts'
import { requireMounting } from '../testing/require-mounting.ts'
import { Mounted } from './mounted.ts'

requireMounting(t, 'NO ATTRIBUTE OF A MOUNT WAS TESTED')

t.setTimeout(120_000)
const cluster = await ProcessCluster.open({ datanodes: 1, mustOwn: true, keep: false, transport: 'unix' })
const home = cluster.home.path
const [a, b] = [await Mounted.start(home), await Mounted.start(home)]
t.teardown(async () => {
  await a.remove()
  await b.remove()
  await cluster.close()
})

const BEGIN = `
import errno, os, signal, subprocess, sys, time
here, there = sys.argv[1], sys.argv[2]
def get(path, name):
    try: return os.getxattr(path, name)
    except OSError as error: return errno.errorcode[error.errno]
`

async function python(script: string, ...args: string[]): Promise<string> {
  return (await a.run('python3', '-c', BEGIN + script, a.path('f'), b.path('f'), ...args)).trim()
}

t.test('what one mount sets and removes, the other sees by its next call', async t => {
  const said = await python(`
open(here, 'w').write('x'); os.stat(there)
for round in range(20):
    path, other = (here, there) if round % 2 else (there, here)
    for one in path, other:
        os.stat(one)
        assert get(one, 'user.a') == get(one, 'security.selinux') == 'ENODATA', round
        assert os.listxattr(one) == [], round
    os.setxattr(path, 'user.a', b'%d' % round)
    for one in path, other:
        assert get(one, 'user.a') == b'%d' % round and os.listxattr(one) == ['user.a'], round
    os.removexattr(path, 'user.a')
    for one in path, other:
        assert get(one, 'user.a') == 'ENODATA' and os.listxattr(one) == [], round
print(get(here, 'foreign.a'), get(here, 'system.a'))
`)
  t.equal(said, 'ENOTSUP ENOTSUP')
})

t.test('while attributes are current, nobody is asked for what is not there', async t => {
  const namenode = cluster.pids.get('namenode') as number
  const said = await python(
    `
pid = int(sys.argv[3])
open(there, 'w').write('y')
time.sleep(1.2)
os.stat(there)
waker = subprocess.Popen(['sh', '-c', 'sleep 5; kill -CONT %d' % pid])
os.kill(pid, signal.SIGSTOP)
from_time = time.monotonic()
names = 'user.a', 'security.capability', 'security.selinux'
answers = [get(there, name) for name in names], os.listxattr(there)
took = time.monotonic() - from_time
os.kill(pid, signal.SIGCONT)
waker.wait()
print(answers, took < 3)
`,
    String(namenode),
  )
  t.equal(said, "(['ENODATA', 'ENODATA', 'ENODATA'], []) True")
})
