/** What the server's code may reach: modules of Node by folder, programs, code that is made of text, the environment. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { files, importsOf, offenders, read, sources } from './harness/sources.ts'

const test = suite('presubmit-reach')

/** By folder or file, the longest that fits: all that may be imported there. Plugins without a row import none. */
const MODULES: Readonly<Record<string, string>> = {
  'server/wire/': 'crypto worker_threads',
  'server/corefile/': 'crypto path',
  'server/certificates.ts': 'crypto path',
  'server/listen/': 'dgram ffi fs net os util worker_threads',
  'server/listen/handshakes.ts': 'events tls',
  'server/listen/https.ts': 'http http2 net',
  'server/listen/tls-policy.ts': 'crypto',
  'server/control/': 'fs fs/promises os path worker_threads',
  'server/control/watcher-link.ts': 'net',
  'server/http-endpoint.ts': 'events http',
  'server/node-local/': 'child_process fs net os path',
  'server/log.ts': 'fs net',
  'server/loop-delay.ts': 'perf_hooks',
  'server/main.ts': 'path',
  'server/metrics.ts': 'worker_threads',
  'server/open-files.ts': 'fs worker_threads',
  'server/random.ts': 'crypto',
  'server/read-file.ts': 'fs',
  'plugins/autopath/': 'path',
  'plugins/bind/': 'os',
  'plugins/chaos/': 'os',
  'plugins/forward/': 'crypto dgram dns/promises fs fs/promises net path tls util',
  'plugins/forward/transport/http.ts': 'http http2',
  'plugins/health/': 'events net',
  'plugins/hosts/': 'fs fs/promises path',
  'plugins/kubernetes/': 'crypto os',
  'plugins/kubernetes/setup.ts': 'crypto path',
  'plugins/kubernetes/collect.ts': 'v8 vm',
  'plugins/kubernetes/snapshot/': 'crypto fs fs/promises path',
  'plugins/kubernetes/source/': 'crypto fs/promises http https path',
  'plugins/kubernetes/source/kubeconfig-library.ts': 'child_process util',
  'plugins/kubernetes/source/kubeconfig-login.ts': 'fs module stream/consumers tls',
  'plugins/multisocket/': 'os',
  'plugins/nsid/': 'os',
  'plugins/reload/': 'crypto',
}

const modulesOf = (file: string): string[] => [
  ...importsOf(file)
    .filter(({ target, isType }) => !isType && target.startsWith('node:'))
    .map(({ target }) => target.slice('node:'.length)),
  ...[...read(file).matchAll(/getBuiltinModule\('node:([^']+)'\)/g)].map(([, name]) => name!),
]

const placeOf = (file: string): string | undefined =>
  Object.keys(MODULES)
    .filter(place => file.startsWith(place))
    .sort((a, b) => b.length - a.length)[0]

test('each file imports the modules of Node that its folder may', () => {
  const found = offenders(sources, file => {
    const allowed = MODULES[placeOf(file) ?? '']?.split(' ') ?? []
    return modulesOf(file).filter(name => !allowed.includes(name))
  })
  assert.equal(found, [])
})

test('no folder may import what none of its files does', () => {
  const surplus = Object.entries(MODULES).flatMap(([place, allowed]) => {
    const used = new Set(sources.filter(file => placeOf(file) === place).flatMap(modulesOf))
    return allowed
      .split(' ')
      .filter(name => !used.has(name))
      .map(name => `${place}: ${name}`)
  })
  assert.equal(surplus, [])
})

/** The login in the child process, which finds the client library in node_modules. */
const LOGIN = 'plugins/kubernetes/source/kubeconfig-login.ts'

const NOWHERE: { name: string; pattern: RegExp; but?: string }[] = [
  { name: 'text that becomes code', pattern: /\beval\(|\bFunction\(|\bnew Script\(|\bcompileFunction\(/g },
  { name: 'a timer with text', pattern: /\bset(?:Timeout|Interval)\(\s*['"`]/g },
  { name: 'a module whose name is computed', pattern: /\bawait import\((?!')|\bgetBuiltinModule\((?!')/g, but: LOGIN },
  { name: 'require', pattern: /(?<![.\w#])require\(|\bcreateRequire\b/g, but: LOGIN },
  { name: "Node's inside", pattern: /\bprocess\.(?:binding|dlopen|_linkedBinding)\b/g },
  { name: 'another program in the place of this one', pattern: /\bexecve\b/g, but: 'server/control/permissions.ts' },
  { name: 'a worker made of text', pattern: /\beval: true\b/g },
]

for (const { name, pattern, but } of NOWHERE) {
  test(`nowhere: ${name}`, () =>
    assert.equal(
      offenders(
        sources.filter(file => file !== but),
        file => read(file).match(pattern) ?? [],
      ),
      [],
    ))
}

/** Who looks at the environment as a whole, and what for. */
const WHOLE_ENVIRONMENT: Readonly<Record<string, string>> = {
  'plugins/kubernetes/source/http-client.ts': 'proxies, as Node reads them',
  'plugins/kubernetes/source/in-cluster.ts': 'a default, of which two variables are taken',
  'plugins/kubernetes/source/kubeconfig-library.ts': 'handed to the login and its programs',
  'server/control/configuration.ts': '{$NAME} in a Corefile',
  'server/control/permissions.ts': 'handed to the process that takes its place',
}

const code = (file: string): string => read(file).replace(/\/\*.*?\*\//gs, '')
const TAKEN = /\{([^{}]*)\} = (?:process\.)?env\b/g

test('the README lists each variable of the environment that is read', () => {
  const taken = sources.flatMap(file => [...code(file).matchAll(TAKEN)].flatMap(([, names]) => names!.split(',')))
  const plain = sources.flatMap(file => [...code(file).matchAll(/\benv\.([A-Z_]+)/g)].map(([, name]) => name!))
  const scripts = files('bin/*').flatMap(file => [...read(file).matchAll(/\$\{([A-Z_]+)-/g)].map(([, name]) => name!))
  const names = [...taken.map(name => name.split(/[:=]/)[0]!.trim()), ...plain, ...scripts]
  // Not npm's own, by which the server knows that npm started it; the other is written, for the programs of a kubeconfig.
  const all = new Set(names.filter(name => /^[A-Z_]+$/.test(name) && name !== 'KUBERNETES_EXEC_INFO'))
  assert.ok(all.size > 7, [...all].join())
  const readme = read('README.md')
  assert.equal(
    [...all].filter(name => !readme.includes(`\`${name}\``)),
    [],
  )
})

test('no other file looks at the environment as a whole', () => {
  const whole = sources.filter(file => /process\.env(?![.\w])/.test(code(file).replace(TAKEN, '')))
  assert.equal(whole, Object.keys(WHOLE_ENVIRONMENT).sort())
})

test.run()
