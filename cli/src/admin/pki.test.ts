// test-timeout-seconds: 400
/** A cluster with certificates, the way an operator makes one: processes, files, and openssl. */
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import t, { type Test } from 'tap'
import { Installation, Running, run, until } from '../testing/installation.ts'

const EXPIRED_MS = 1

interface Invitation {
  readonly token: string
  readonly name: string
  readonly address: string
}

function openssl(...args: string[]): string {
  return execFileSync('openssl', args, { encoding: 'utf8', input: '', stdio: ['pipe', 'pipe', 'pipe'] })
}

t.test('machines join with a token, work over TLS, and are revoked', async t => {
  const installation = new Installation()
  const others = mkdtempSync(join(tmpdir(), 'hopbine-others-'))
  t.teardown(async () => {
    await installation.remove()
    rmSync(others, { recursive: true, force: true })
  })
  const pki = join(installation.home, 'pki')
  t.match((await installation.run('admin', 'invite')).err, /has no issuer of certificates/)
  const off = await run(['namenode', '--data-dir', join(others, 'nn'), '--port', '0', '--tls', 'on'])
  t.match(off.err, /there is no certificate in .*: make one with `hopbine admin init`/)

  t.equal((await installation.run('admin', 'init', '--host', 'nn.example')).code, 0)
  const again = await installation.run('admin', 'init')
  t.equal(again.code, 1)
  t.match(again.err, /ca\.pem is there already/)
  for (const file of ['root-key.pem', 'issuer.pem', 'node.pem']) {
    t.equal(statSync(join(pki, file)).mode & 0o777, 0o600, file)
  }
  const node = join(pki, 'node.pem')
  const verified = ['verify', '-verify_hostname', 'nn.example', '-purpose', 'sslserver']
  t.match(openssl(...verified, '-CAfile', join(pki, 'ca.pem'), '-untrusted', node, node), /OK/)

  // Nothing that runs needs the root's key.
  rmSync(join(pki, 'root-key.pem'))
  await installation.up()
  const rpc = installation.upFile()?.rpc
  const address = `${rpc?.host}:${rpc?.port}`
  const client = [
    's_client',
    '-connect',
    address,
    '-CAfile',
    join(pki, 'ca.pem'),
    '-cert',
    node,
    '-key',
    node,
  ]
  t.match(openssl(...client, '-verify_return_error'), /TLSv1\.3[\s\S]*Verify return code: 0 \(ok\)/)

  const first = await joinOnce(t, installation, others, address)
  const data = join(others, 'one', 'datanode-1')
  const words = ['--data-dir', data, '--namenode', address, '--port', '0', '--metrics-port', '0']
  const datanode = new Running(['datanode', ...words])
  t.teardown(async () => {
    datanode.child.kill('SIGTERM')
    await datanode.ended
  })
  await datanode.says('"event":"registered"')
  t.match(
    (await installation.run('admin', 'status')).out,
    /live[\s\S]*live/,
    'with the one of `up`, which has TLS too',
  )

  t.match((await installation.run('admin', 'revoke', 'nobody')).err, /nobody called "nobody"/)
  t.equal((await installation.run('admin', 'revoke', first.name)).code, 0)
  await datanode.says(`the certificate of datanode ${first.name} was revoked`)
  const log = (): string => readFileSync(join(installation.home, 'logs', 'namenode.log'), 'utf8')
  await until('the namenode says so', () => log().includes('"msg":"peer-refused"'))
})

/** One machine joins; wrong, used and late tokens let nobody in. Answers the invitation of the one. */
async function joinOnce(
  t: Test,
  installation: Installation,
  others: string,
  address: string,
): Promise<Invitation> {
  const invite = async (): Promise<Invitation> =>
    JSON.parse((await installation.run('admin', 'invite', '--json')).out) as Invitation
  const joinAs = (folder: string, token: string) =>
    run(['admin', 'join', `${token}@${address}`, '--home', join(others, folder)])
  const first = await invite()
  t.equal(first.address, address)
  const joined = await joinAs('one', first.token)
  t.equal(joined.code, 0, joined.err)
  t.match(joined.out, new RegExp(`this machine is datanode ${first.name}`))
  t.match((await joinAs('two', first.token)).err, /the token was used already/)
  t.match((await joinAs('two', `${first.token.slice(1)}A`)).err, /another cluster|none of this cluster/)
  t.match((await joinAs('two', first.token.slice(1))).err, /no token of `hopbine admin invite`/)
  const second = await invite()
  expireAll(join(installation.home, 'pki', 'invitations'))
  t.match((await joinAs('two', second.token)).err, /the token expired at/)
  t.notOk(existsSync(join(others, 'two', 'pki', 'node.pem')))
  return first
}

function expireAll(folder: string): void {
  for (const name of readdirSync(folder).filter(each => each.endsWith('.json'))) {
    const path = join(folder, name)
    const invitation = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>
    writeFileSync(path, JSON.stringify({ ...invitation, expiresMs: Date.now() - EXPIRED_MS }))
  }
}
