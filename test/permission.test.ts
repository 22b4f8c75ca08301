/**
 * Node's permission model, as SEXTANT_PERMISSION=1 asks for it: what is served all the same, what is denied, and how that is
 * told. A checkout of its own, as `npm ci` leaves it; seen from outside, and by a file that Node loads before the server.
 */
import { cpSync, mkdirSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { VERSION } from '../server/version.ts'
import { answer, fakeUpstream } from './harness/fake-upstream.ts'
import { freePort } from './harness/free-port.ts'
import { query, replyText } from './harness/message.ts'
import { Child, type Output, run } from './harness/process.ts'
import { END_MS, env, root, START_MS } from './harness/scene.ts'
import { exchangeTcp, exchangeUdp, temporaryFolder } from './harness/server.ts'
import { buildInto } from './supply/built.ts'

const test = suite('permission')
const checkout = temporaryFolder()
const script = join(checkout.path, 'bin/sextant')
/** Nothing allows these. */
const elsewhere = temporaryFolder()
const beside = temporaryFolder()

test.before(async () => {
  cpSync(join(root, 'bin'), join(checkout.path, 'bin'), { recursive: true })
  cpSync(join(root, 'examples'), join(checkout.path, 'examples'), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(checkout.path, 'node_modules'))
  mkdirSync(join(checkout.path, 'dist'))
  await buildInto(join(checkout.path, 'dist'))
})
test.after(() => {
  for (const folder of [checkout, elsewhere, beside]) folder.remove()
})

const permission = (more: NodeJS.ProcessEnv = {}) => ({ ...env, SEXTANT_PERMISSION: '1', ...more })

const start = (words: readonly string[], more?: NodeJS.ProcessEnv): Promise<Output> =>
  run(script, words, permission(more), START_MS)

const PROBE = `
// The server starts itself again, with the flags; only then is there something to be tried.
if (process.env.SEXTANT_PERMISSION === '1' && process.permission === undefined) return
const fs = require('node:fs')
const tries = {
  read: () => fs.readFileSync(process.env.PROBE + '/text'),
  list: () => fs.readdirSync(process.env.PROBE),
  traverse: () => fs.readFileSync('/proc/self/fd/../../../' + process.env.PROBE + '/text'),
  environ: () => fs.readFileSync('/proc/self/environ'),
  write: () => fs.writeFileSync(process.env.PROBE + '/new', ''),
  remove: () => fs.unlinkSync(process.env.PROBE + '/text'),
  'write dist': () => fs.writeFileSync(process.argv[1] + '.new', ''),
  spawn: () => require('node:child_process').execFileSync('/bin/true'),
  execve: () => process.execve('/nonexistent', [], {}),
  addon: () => process.dlopen({ exports: {} }, '/lib/x86_64-linux-gnu/libc.so.6'),
  wasi: () => new (require('node:wasi').WASI)({ version: 'preview1' }),
  native: () => process.getBuiltinModule('node:ffi').dlopen(null, {}),
  inspector: () => require('node:inspector').open(0),
  eval: () => eval('1'),
}
const denied = Object.keys(tries).filter(name => {
  try { tries[name]() } catch (cause) { return /ERR_ACCESS_DENIED|ERR_DLOPEN_DISABLED/.test(cause.code ?? '') || cause instanceof EvalError }
})
console.log('denied: ' + denied.join(', '))
process.exit()
`

const ALWAYS = ['environ', 'write dist', 'addon', 'wasi', 'eval']
const FILES = ['read', 'list', 'traverse', 'write', 'remove']
const PROGRAMS = ['spawn', 'execve']
/** SEXTANT_PERMISSION=1 but for what is said otherwise. */
const DENIALS: { name: string; variables?: NodeJS.ProcessEnv; denied: string[] }[] = [
  { name: 'by default', denied: [...FILES, ...PROGRAMS, ...ALWAYS] },
  {
    name: 'without native calls',
    variables: { SEXTANT_UDP: 'dgram' },
    denied: [...FILES, ...PROGRAMS, ...ALWAYS, 'native', 'inspector'],
  },
  {
    name: 'with programs',
    variables: { SEXTANT_EXEC: '1' },
    denied: [...FILES, ...ALWAYS],
  },
  {
    name: 'with files to read',
    variables: { SEXTANT_READ: `/nonexistent:${elsewhere.path}/` },
    denied: ['write', 'remove', ...PROGRAMS, ...ALWAYS],
  },
  {
    name: 'with files to write',
    variables: { SEXTANT_WRITE: `${elsewhere.path}:` },
    denied: [...PROGRAMS, ...ALWAYS],
  },
  { name: 'without the permission model', variables: { SEXTANT_PERMISSION: '' }, denied: ['eval'] },
]

for (const { name, variables, denied } of DENIALS) {
  test(`denied ${name}: ${denied.join(', ')}`, async () => {
    elsewhere.write('text', 'secret')
    checkout.write('probe.cjs', PROBE)
    const words = ['-conf', beside.write('Corefile', '. {\nwhoami\n}')]
    const { stdout, stderr } = await start(words, {
      NODE_OPTIONS: `--require=${checkout.path}/probe.cjs`,
      PROBE: elsewhere.path,
      ...variables,
    })
    const told = /^denied: (.*)$/m.exec(stdout)?.[1]?.split(', ')
    assert.equal(told?.toSorted(), denied.toSorted(), stderr)
  })
}

for (const [name, variables] of Object.entries({ 'native calls': {}, dgram: { SEXTANT_UDP: 'dgram' } })) {
  test(`${name}: cluster names, forwarding, hosts, metrics and two threads, without a warning`, async () => {
    const upstream = await fakeUpstream(asked => answer(asked, ['www.example 60 A 192.0.2.7']))
    const metrics = await freePort()
    const port = await freePort()
    const corefile = `.:${port} {
    bind 127.0.0.1
    errors
    health 127.0.0.1:0
    ready 127.0.0.1:0
    import beside
    kubernetes cluster.local in-addr.arpa {
        manifests ${checkout.path}/examples/manifests
    }
    hosts {
        fallthrough
    }
    prometheus 127.0.0.1:${metrics}
    forward . ${upstream.address}
    cache 30
    loop
    reload
    loadbalance
    multisocket 2
}
`
    beside.write('beside', '    log www.example\n')
    const words = ['-conf', beside.write('Corefile', corefile)]
    const child = new Child('sextant', script, words, { ...permission(variables), NODE_EXTRA_CA_CERTS: '' })
    try {
      await child.line(/^Sextant-/, START_MS)
      for (const exchange of [exchangeUdp, exchangeTcp]) {
        assert.match(
          replyText(await exchange(query('web.shop.svc.cluster.local.'), port)),
          /^NOERROR aa .*\n.* A 10\./s,
        )
        assert.match(replyText(await exchange(query('www.example.'), port)), /^NOERROR .*192\.0\.2\.7/s)
      }
      const text = await (await fetch(`http://127.0.0.1:${metrics}/metrics`)).text()
      assert.match(text, /^process_resident_memory_bytes \d+$/m)
      assert.equal(
        child.lines.filter(line => /\[(WARN|ERROR)\]|Warning:|SEXTANT_/.test(line)),
        [],
      )
    } finally {
      await child.stop('SIGINT', END_MS)
      await upstream.close()
    }
  })
}

const missing = (variable: string) => new RegExp(`${variable} does not list it`)
const FAILURES: { name: string; corefile: string; says: RegExp }[] = [
  {
    name: 'a resolv.conf',
    corefile: `forward . ${elsewhere.path}/resolv.conf`,
    says: missing('SEXTANT_READ'),
  },
  { name: 'an import', corefile: `import ${elsewhere.path}/*.conf`, says: missing('SEXTANT_READ') },
  { name: 'manifests', corefile: `kubernetes a. {\nmanifests ${elsewhere.path}\n}`, says: missing('SEXTANT_READ') },
  {
    name: 'a kubeconfig',
    corefile: `kubernetes a. {\nkubeconfig ${elsewhere.path}/x\n}`,
    says: missing('SEXTANT_READ'),
  },
  {
    name: 'a program of a kubeconfig',
    corefile: 'kubernetes a. {\nkubeconfig kubeconfig\n}',
    says: /starting a program needs SEXTANT_EXEC=1/,
  },
]

const KUBECONFIG = JSON.stringify({
  apiVersion: 'v1',
  kind: 'Config',
  'current-context': 'a',
  contexts: [{ name: 'a', context: { cluster: 'a', user: 'a' } }],
  clusters: [{ name: 'a', cluster: { server: 'https://127.0.0.1:1' } }],
  users: [{ name: 'a', user: { exec: { apiVersion: 'client.authentication.k8s.io/v1', command: '/bin/true' } } }],
})

for (const { name, corefile, says } of FAILURES) {
  test(`${name} that is not allowed ends the start with the cure, and no stack`, async () => {
    beside.write('kubeconfig', KUBECONFIG)
    const file = beside.write('Corefile', `.:0 {\nbind 127.0.0.1\n${corefile}\n}`)
    const { code, stderr } = await start(['-conf', file])
    assert.is(code, 1)
    assert.match(stderr, says)
    assert.match(stderr, /^sextant: /)
    assert.not.match(stderr, /^\s+at |--allow-/m)
  })
}

test('a pid file that is not allowed is logged with the cure, and all else goes on', async () => {
  const file = beside.write('Corefile', '.:0 {\nbind 127.0.0.1\nwhoami\n}\n')
  const child = new Child('sextant', script, ['-conf', file, '-pidfile', `${elsewhere.path}/pid`], permission())
  try {
    assert.match(await child.line(/pid file/, START_MS), missing('SEXTANT_WRITE'))
    await child.line(/^Sextant-/, START_MS)
  } finally {
    await child.stop('SIGINT', END_MS)
  }
})

test('a reload that asks for more than is allowed is told, and the old configuration serves on', async () => {
  const port = await freePort()
  const serving = `.:${port} {\nbind 127.0.0.1\nwhoami\n}\n`
  const child = new Child('sextant', script, ['-conf', beside.write('Corefile', serving)], permission())
  try {
    await child.line(/^Sextant-/, START_MS)
    beside.write('Corefile', `${serving}import ${elsewhere.path}/more\n`)
    child.signal('SIGUSR1')
    await child.line(missing('SEXTANT_READ'), START_MS)
    assert.match(child.lines.join('\n'), /Reloading failed, the old configuration stays/)
    assert.match(replyText(await exchangeUdp(query('example.org.'), port)), /^NOERROR/)
  } finally {
    await child.stop('SIGINT', END_MS)
  }
})

test('a Corefile may not widen what is allowed: another folder is told, where the flag names it is allowed', async () => {
  const file = elsewhere.write('Corefile', '. {\nwhoami\n}')
  assert.is((await start(['check', file])).stdout, `${file}: ok\n`)
  assert.is((await start(['-conf', file, '-plugins'])).code, 0)
  const importing = beside.write('Corefile', `import ${file}`)
  const { code, stderr } = await start(['check', importing])
  assert.is(code, 1)
  assert.match(stderr, missing('SEXTANT_READ'))
})

test('the script needs no other command for it', async () => {
  const { code, stdout, stderr } = await run(script, ['-version'], { PATH: '', SEXTANT_PERMISSION: '1' }, START_MS)
  assert.is(`${code} ${stdout}${stderr}`, `0 Sextant-${VERSION}\n`)
})

test('a value that is neither 1 nor 0 is an error; 0 is none', async () => {
  const words = ['-version']
  assert.equal(await run(script, words, permission({ SEXTANT_PERMISSION: 'yes' }), START_MS), {
    code: 1,
    stdout: '',
    stderr: 'sextant: SEXTANT_PERMISSION is "yes", expected 1 or 0\n',
  })
  assert.is((await run(script, words, permission({ SEXTANT_PERMISSION: '0' }), START_MS)).code, 0)
})

test.run()
