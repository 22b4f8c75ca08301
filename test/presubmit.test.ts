/** The rules that every change keeps: who may import whom, what a plugin's folder holds, how tests end. */
import { existsSync } from 'node:fs'
import { posix as path } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { plugins } from '../plugins/index.ts'
import { COREDNS_PLUGINS } from '../server/control/coredns.ts'
import { COREFILE_ERROR_CODES } from '../server/corefile/codes.ts'
import { files, importsOf, offenders, read, root, sources, tests } from './harness/sources.ts'

const test = suite('presubmit')
const MAX_LINES = 400

const DATA_PLANE = sources.filter(file =>
  /^server\/(listen\/|wire\/|(serve|route|chain|reply|metrics|log|wheel)\.ts$)/.test(file),
)

test('the data plane imports nothing from the control plane, and no plugin', () => {
  assert.ok(DATA_PLANE.length > 15)
  const found = offenders(DATA_PLANE, file =>
    importsOf(file)
      .map(({ target }) => target)
      .filter(target => /^server\/(control|corefile)\/|^plugins\//.test(target)),
  )
  assert.equal(found, [])
})

test('wire/ opens nothing, and the Corefile is read without opening anything', () => {
  const pure = sources.filter(file => /^server\/(wire|corefile)\//.test(file))
  const allowed = new Set(['node:crypto', 'node:path', 'node:worker_threads'])
  const found = offenders(pure, file =>
    importsOf(file)
      .map(({ target }) => target)
      .filter(target => target.startsWith('node:') && !allowed.has(target)),
  )
  assert.equal(found, [])
})

test('leaves import nothing of ours', () => {
  const leaves: Record<string, readonly string[]> = {
    'server/metrics.ts': [],
    'server/log.ts': ['server/metrics.ts', 'server/permission.ts'],
    'server/permission.ts': [],
    'server/version.ts': ['package.json'],
    'server/wheel.ts': [],
    'server/random.ts': [],
    'server/turn.ts': [],
    'server/work-slices.ts': [],
    'server/open-files.ts': [],
    'server/read-file.ts': [],
    'server/loop-delay.ts': ['server/metrics.ts'],
    'server/http-endpoint.ts': [
      'server/http-connections.ts',
      'server/open-files.ts',
      'server/listen/hand-over.ts',
      'server/listen/share.ts',
    ],
    'server/http-connections.ts': ['server/metrics.ts'],
  }
  const found = offenders(Object.keys(leaves), file =>
    importsOf(file)
      .map(({ target }) => target)
      .filter(target => /^(server|plugins)\/|\.json$/.test(target) && !leaves[file]!.includes(target)),
  )
  assert.equal(found, [])
})

/**
 * What plugins may import of server/: the contract, the replies, names and zone sets, and leaves. `chain` is there for
 * `isPromise`, `route` for `ZoneSet`, `directive` for the lists that setups share, and of the listeners what calls the
 * kernel, for sockets to upstreams.
 */
const FOR_PLUGINS =
  /^server\/(plugin|reply|metrics|log|version|open-files|read-file|wheel|random|turn|work-slices|http-endpoint|certificates|chain|route)\.ts$|^server\/wire\/|^server\/corefile\/directive\.ts$|^server\/listen\/(address|ffi|segments)\.ts$/

for (const { name } of plugins) {
  const folder = `plugins/${name}/`
  test(`plugin ${name} has its file, its test and a README of six sections`, () => {
    assert.ok(existsSync(`${root}/${folder}${name}.ts`), `${folder}${name}.ts is missing`)
    assert.ok(COREDNS_PLUGINS.includes(name), `CoreDNS has no plugin "${name}"`)
    const hasTest = tests.some(
      file => file === `test/plugins/${name}.test.ts` || file.startsWith(`test/plugins/${name}/`),
    )
    assert.ok(hasTest, `test/plugins/${name}.test.ts is missing`)
    const headings = [...read(`${folder}README.md`).matchAll(/^## (.+)$/gm)].map(([, title]) => title!)
    const wanted = ['Name', 'Description', 'Syntax', 'Examples', 'Metrics', 'See Also']
    assert.equal(
      headings.filter(title => wanted.includes(title)),
      wanted,
    )
  })
  test(`plugin ${name} imports the contract and leaves`, () => {
    const found = offenders(
      sources.filter(file => file.startsWith(folder)),
      file =>
        importsOf(file)
          .filter(({ target }) => target.startsWith('server/') || target.startsWith('plugins/'))
          .filter(({ target, isType }) => !isAllowed(target, isType, folder))
          .map(({ target }) => target),
    )
    assert.equal(found, [])
  })
}

function isAllowed(target: string, isType: boolean, folder: string): boolean {
  if (target.startsWith(folder) || FOR_PLUGINS.test(target)) return true
  const front = /^plugins\/([^/]+)\/([^/]+)\.ts$/.exec(target)
  return isType && (target.startsWith('server/') || (front !== null && front[1] === front[2]))
}

test('the order of the plugins is that of CoreDNS', () => {
  const names = plugins.map(({ name }) => name)
  assert.equal(
    names,
    COREDNS_PLUGINS.filter(name => names.includes(name)),
  )
})

test('every folder of plugins/ is registered', () => {
  const folders = files('plugins/*/').map(folder => path.basename(folder))
  assert.equal(folders, plugins.map(({ name }) => name).toSorted())
})

test('every test file runs its tests', () => {
  const found = tests.filter(file => !file.startsWith('test/e2e/') && !/^(?:\w+|test)\.run\(\)\s*$/m.test(read(file)))
  assert.equal(found, [])
})

test('no test is skipped or singled out', () => {
  assert.equal(
    offenders(tests, file => read(file).match(/\b\w+\.(?:skip|only)\(/g) ?? []),
    [],
  )
})

test(`no file has more than ${MAX_LINES} lines`, () => {
  const all = [...sources, ...files('test/**/*.ts', 'bench/**/*.ts', 'k8s/**/*.ts', '*.ts')]
  assert.equal(
    offenders(all, file => {
      const lines = read(file).trimEnd().split('\n').length
      return lines > MAX_LINES ? [`${lines} lines`] : []
    }),
    [],
  )
})

test('every file of the server says what it is', () => {
  assert.equal(
    sources.filter(file => !/^\/\*\*/.test(read(file))),
    [],
  )
})

const BANNED: { name: string; pattern: RegExp; among: readonly string[] }[] = [
  { name: 'a generator that can be guessed', pattern: /\bMath\.random\b/g, among: sources },
  { name: 'an empty catch', pattern: /catch\s*(?:\([^)]*\)\s*)?\{\s*\}/g, among: sources },
  { name: 'a default export', pattern: /^export default\b/gm, among: sources },
  { name: 'an enum or namespace', pattern: /^\s*(?:export\s+)?(?:const\s+)?(?:enum|namespace)\s+\w/gm, among: sources },
  { name: 'work left open', pattern: /\b(?:TODO|FIXME|XXX)\b/g, among: sources },
  { name: 'regular expressions from somebody else', pattern: /\bnew RegExp\(/g, among: sources },
]

for (const { name, pattern, among } of BANNED) {
  test(`nowhere: ${name}`, () =>
    assert.equal(
      offenders(among, file => read(file).match(pattern) ?? []),
      [],
    ))
}

test('the lock file names packages by version and hash, and no registry', () => {
  const lock = read('package-lock.json')
  const hosts = [...lock.matchAll(/"resolved": "(https?:\/\/[^/"]+)/g)].map(([, host]) => host)
  assert.equal([...new Set(hosts)], [])
  assert.ok(lock.includes('"integrity": "sha512-'))
})

test('docs/errors.md lists the codes, and no others', () => {
  const rows = [...read('docs/errors.md').matchAll(/^\| `([A-Z_]+)` +\| (.+?) +\|$/gm)]
  assert.equal(
    rows.map(([, code, meaning]) => ({ code, meaning })),
    COREFILE_ERROR_CODES.map(({ code, meaning }) => ({ code, meaning })),
  )
})

test('docs/security.md names every replay, and no test is named that is not there', () => {
  const security = read('docs/security.md')
  const replays = tests.filter(file => file.startsWith('test/cve/')).map(file => path.basename(file, '.test.ts'))
  assert.ok(replays.length > 15)
  assert.equal(
    replays.filter(name => !security.includes(`\`${name}\``)),
    [],
  )
  const named = [security, read('docs/faults.md')].flatMap(
    text => text.match(/`(?:plugins|server|cve)\/[a-z0-9/-]+`/g) ?? [],
  )
  assert.equal(
    named.map(name => `test/${name.slice(1, -1)}.test.ts`).filter(file => !tests.includes(file)),
    [],
  )
})

test('every error code is used', () => {
  const text = sources
    .filter(file => file !== 'server/corefile/codes.ts')
    .map(read)
    .join('\n')
  assert.equal(
    COREFILE_ERROR_CODES.map(({ code }) => code).filter(code => !text.includes(`'${code}'`)),
    [],
  )
})

test.run()
