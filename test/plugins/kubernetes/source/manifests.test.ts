/** Folders of manifests as people have them: what is read, what is made of it, and how changes show. */
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { monotonicClock } from '../../../../plugins/kubernetes/informer/clock.ts'
import { KINDS, type Kind } from '../../../../plugins/kubernetes/object/object.ts'
import { parseSelector } from '../../../../plugins/kubernetes/object/selector.ts'
import { ManifestsSource } from '../../../../plugins/kubernetes/source/manifests.ts'
import type { Selection } from '../../../../plugins/kubernetes/source/source.ts'
import { RecordStore } from './record-store.ts'

const test = suite('ManifestsSource')

class Folder {
  readonly path = mkdtempSync(join(tmpdir(), 'sextant-manifests-'))
  readonly store = new RecordStore()
  readonly logged: string[] = []
  readonly #waiting = new Set<() => void>()
  #source: ManifestsSource | undefined

  static async run(
    files: Record<string, string>,
    scenario: (folder: Folder) => Promise<void>,
    over: Partial<Selection> = {},
  ) {
    const folder = new Folder()
    for (const [name, text] of Object.entries(files)) folder.write(name, text)
    try {
      await folder.start(over)
      await scenario(folder)
    } finally {
      await folder.stop()
      rmSync(folder.path, { recursive: true })
    }
  }

  async start(over: Partial<Selection> = {}): Promise<void> {
    const note = (level: string) => (_plugin: string | undefined, text: string) => {
      this.logged.push(`${level} ${text.replaceAll(`${this.path}/`, '')}`)
      for (const check of this.#waiting) check()
    }
    const log = { info: note('info'), warn: note('warn'), error: note('error') }
    const settings = { kinds: KINDS, labels: undefined, namespaceLabels: undefined, folder: this.path, ...over }
    this.#source = new ManifestsSource(settings, monotonicClock, log)
    await this.#source.start(this.store)
  }

  async stop(): Promise<void> {
    await this.#source?.stop()
  }

  write(name: string, text: string): void {
    mkdirSync(dirname(join(this.path, name)), { recursive: true })
    writeFileSync(join(this.path, name), text)
  }

  untilLogged(pattern: RegExp): Promise<void> {
    return new Promise(resolve => {
      const check = () => {
        if (!this.logged.some(line => pattern.test(line))) return
        this.#waiting.delete(check)
        resolve()
      }
      this.#waiting.add(check)
      check()
    })
  }

  /** Resolves once the names of a kind are these. */
  until(kind: Kind, ...names: string[]): Promise<void> {
    return this.store.until(
      () => this.store.names(kind).join() === names.join() && this.store.log.at(-1)?.startsWith('end') === true,
    )
  }
}

function service(name: string, spec = 'clusterIP: 10.96.0.7', namespace = 'shop'): string {
  return `apiVersion: v1\nkind: Service\nmetadata: { name: ${name}, namespace: ${namespace} }\nspec: { ${spec} }\n`
}

function pod(name: string, ip: string, rest = '', spec = ''): string {
  const status = `podIP: ${ip}, podIPs: [{ ip: "${ip}" }]${rest}`
  return `---\napiVersion: v1\nkind: Pod\nmetadata: { name: ${name}, namespace: shop, labels: { app: web } }\nspec: { ${spec} }\nstatus: { ${status} }\n`
}

test('several documents, folders below, .yaml, .yml and .json; hidden and other files are not read', () =>
  Folder.run(
    {
      'a.yaml': `${service('a')}---\n${service('b')}---\n`,
      'deep/er/c.yml': service('c'),
      'd.json': JSON.stringify({ apiVersion: 'v1', kind: 'Service', metadata: { name: 'd', namespace: 'shop' } }),
      '.hidden.yaml': service('hidden'),
      '.git/x.yaml': service('hidden'),
      'deep/.x/y.yaml': service('hidden'),
      'README.md': '# no: [manifest',
      'empty.yaml': '# nothing\n',
    },
    async ({ store, logged }) => {
      assert.equal(store.names('service'), ['shop/a', 'shop/b', 'shop/c', 'shop/d'])
      assert.equal([...store.synced].sort(), [...KINDS].sort())
      assert.equal(logged, [])
    },
  ))

test('Lists of any type, as kubectl writes them', () => {
  const item = (kind: string, name: string) => ({ apiVersion: 'v1', kind, metadata: { name, namespace: 'n' } })
  const list = {
    apiVersion: 'v1',
    kind: 'List',
    metadata: { resourceVersion: '' },
    items: [item('Service', 'a'), item('Pod', 'p'), item('ConfigMap', 'x')],
  }
  const typed = { apiVersion: 'v1', kind: 'ServiceList', items: [{ metadata: { name: 'b', namespace: 'n' } }] }
  const slices = {
    apiVersion: 'discovery.k8s.io/v1',
    kind: 'EndpointSliceList',
    items: [{ metadata: { name: 's', namespace: 'n', labels: { 'kubernetes.io/service-name': 'b' } } }],
  }
  return Folder.run(
    { 'list.json': JSON.stringify(list), 'typed.yaml': `${JSON.stringify(typed)}\n---\n${JSON.stringify(slices)}` },
    async ({ store }) => {
      assert.equal(store.names('service'), ['n/a', 'n/b'])
      assert.equal(store.names('pod'), ['n/p'])
      assert.equal(store.names('endpointslice'), ['n/s'])
    },
  )
})

test('namespaces: absent is default, mentioned exists; other groups and kinds are no objects of ours', () =>
  Folder.run(
    {
      'a.yaml': [
        'kind: Service\napiVersion: v1\nmetadata: { name: here }',
        'kind: Namespace\napiVersion: v1\nmetadata: { name: empty }',
        'kind: Deployment\napiVersion: apps/v1\nmetadata: { name: x, namespace: elsewhere }',
        'kind: Service\napiVersion: serving.knative.dev/v1\nmetadata: { name: knative, namespace: kn }',
        'kind: ClusterRole\napiVersion: rbac.authorization.k8s.io/v1\nmetadata: { name: x }',
      ].join('\n---\n'),
    },
    async ({ store }) => {
      assert.equal(store.names('service'), ['default/here'])
      assert.equal(store.names('namespace'), ['default', 'elsewhere', 'empty', 'kn'])
    },
  ))

test('labels select services, slices and pods; namespace_labels namespaces', () =>
  Folder.run(
    {
      'a.yaml': [
        'kind: Service\nmetadata: { name: in, namespace: one, labels: { app: web } }',
        'kind: Service\nmetadata: { name: out, namespace: two }',
        'kind: Namespace\nmetadata: { name: one, labels: { tier: front } }',
      ].join('\n---\n'),
    },
    async ({ store }) => {
      assert.equal(store.names('service'), ['one/in'])
      assert.equal(store.names('namespace'), ['one'])
    },
    { labels: parseSelector('app=web'), namespaceLabels: parseSelector('tier') },
  ))

test('a Service without an address gets one of the range, the same after a restart and beside others', () =>
  Folder.run(
    {
      'a.yaml': service('a', 'ports: []'),
      'both.yaml': service('both', 'ipFamilyPolicy: RequireDualStack'),
      'fixed.yaml': service('fixed', 'clusterIP: 10.96.0.9'),
      'none.yaml': service('none', 'clusterIP: None'),
      'ext.yaml': service('ext', 'type: ExternalName, externalName: example.org'),
    },
    async folder => {
      const { store } = folder
      const [address] = store.get('service', 'shop/a').clusterIPs
      assert.match(address, /^10\.(9[6-9]|10\d|11[01])\.\d+\.\d+$/)
      const [four, six] = store.get('service', 'shop/both').clusterIPs
      assert.match(`${four} ${six}`, /^10\.\d+\.\d+\.\d+ fd00:10:96:0:[0-9a-f:]+$/)
      assert.equal(store.get('service', 'shop/fixed').clusterIPs, ['10.96.0.9'])
      assert.equal(store.get('service', 'shop/none').clusterIPs, [])
      assert.equal(store.get('service', 'shop/ext').clusterIPs, [])

      folder.write('0.yaml', service('aa', 'ports: []'))
      await folder.until('service', 'shop/a', 'shop/aa', 'shop/both', 'shop/ext', 'shop/fixed', 'shop/none')
      assert.equal(store.get('service', 'shop/a').clusterIPs, [address])
      await folder.stop()
      await folder.start()
      assert.equal(store.get('service', 'shop/a').clusterIPs, [address])

      folder.write('taker.yaml', service('taker', `clusterIP: ${address}`))
      await store.until(
        () => store.get('service', 'shop/taker') && store.get('service', 'shop/a').clusterIPs[0] !== address,
      )
    },
  ))

test('without slices, endpoints are the ready pods that the selector finds', () =>
  Folder.run(
    {
      'svc.yaml': service(
        'web',
        'clusterIP: None, selector: { app: web }, ports: [{ name: http, port: 80, targetPort: web }]',
      ),
      'pods.yaml': [
        pod(
          'named',
          '10.1.0.1',
          '',
          'hostname: first, subdomain: web, containers: [{ ports: [{ name: web, containerPort: 8080 }] }]',
        ),
        pod(
          'other-subdomain',
          '10.1.0.2',
          ', conditions: [{ type: Ready, status: "True" }]',
          'hostname: x, subdomain: y, containers: [{ ports: [{ name: web, containerPort: 9090 }] }]',
        ),
        pod('not-ready', '10.1.0.3', ', conditions: [{ type: Ready, status: "False" }]'),
        pod('ended', '10.1.0.4', ', phase: Succeeded'),
        pod('v6', 'fd00::5'),
      ].join(''),
    },
    async ({ store }) => {
      const slices = store.names('endpointslice').map(name => store.get('endpointslice', name))
      assert.ok(slices.every(slice => slice.service === 'web'))
      const endpoints = slices.flatMap(slice =>
        slice.endpoints.map((endpoint: { addresses: string[]; hostname: string; podName: string }) => [
          ...endpoint.addresses,
          endpoint.hostname,
          endpoint.podName,
          ...slice.ports.map((port: { port: number }) => port.port),
        ]),
      )
      assert.equal(endpoints, [
        ['10.1.0.1', 'first', 'named', 8080],
        ['10.1.0.2', '', 'other-subdomain', 9090],
        ['fd00::5', '', 'v6'],
      ])
    },
  ))

test('a Service that has slices gets none from its pods; publishNotReadyAddresses takes all', () =>
  Folder.run(
    {
      'a.yaml': [
        service('has', 'selector: { app: web }'),
        service('all', 'selector: { app: web }, publishNotReadyAddresses: true'),
        'kind: EndpointSlice\nmetadata: { name: has-1, namespace: shop, labels: { kubernetes.io/service-name: has } }\nendpoints: [{ addresses: [10.2.0.1] }]',
      ].join('---\n'),
      'pods.yaml': pod('p', '10.1.0.1', ', conditions: [{ type: Ready, status: "False" }]'),
    },
    async ({ store }) => {
      assert.equal(store.names('endpointslice'), ['shop/all-from-pods-0', 'shop/has-1'])
      assert.equal(store.get('endpointslice', 'shop/has-1').endpoints[0].addresses, ['10.2.0.1'])
    },
  ))

test('of duplicates the last path wins, with one warning', () =>
  Folder.run(
    { 'a.yaml': service('x', 'clusterIP: 10.96.0.1'), 'b/a.yaml': service('x', 'clusterIP: 10.96.0.2') },
    async ({ store, logged }) => {
      assert.equal(store.get('service', 'shop/x').clusterIPs, ['10.96.0.2'])
      assert.equal(logged, ['warn service "shop/x" stands in "a.yaml" and in "b/a.yaml", the latter is served'])
    },
  ))

test('files that are edited, made and deleted show', () =>
  Folder.run({ 'a.yaml': service('a') }, async folder => {
    const { store } = folder
    folder.write('a.yaml', service('a', 'clusterIP: 10.96.0.8'))
    await store.until(() => store.get('service', 'shop/a').clusterIPs[0] === '10.96.0.8')
    folder.write('new/b.yaml', service('b'))
    await folder.until('service', 'shop/a', 'shop/b')
    writeFileSync(join(folder.path, 'a.tmp'), service('c'))
    renameSync(join(folder.path, 'a.tmp'), join(folder.path, 'a.yaml'))
    await folder.until('service', 'shop/b', 'shop/c')
    unlinkSync(join(folder.path, 'a.yaml'))
    await folder.until('service', 'shop/b')
    rmSync(join(folder.path, 'new'), { recursive: true })
    await folder.until('service')
  }))

test('a broken file is named with line and column, what it said before stays, and it heals', () =>
  Folder.run({ 'a.yaml': service('a'), 'b.yaml': service('b') }, async folder => {
    const { logged } = folder
    folder.write('a.yaml', 'kind: Service\nmetadata: { name: a\nspec: {}\n')
    await folder.untilLogged(/^error/)
    assert.match(logged[0]!, /^error a\.yaml:3:\d+: .*, what it said before stays$/)
    folder.write('b.yaml', service('b2'))
    await folder.until('service', 'shop/a', 'shop/b2')
    folder.write('a.yaml', service('a2'))
    await folder.until('service', 'shop/a2', 'shop/b2')
    assert.equal(logged.slice(1), ['info a.yaml is in order again'])
  }))

for (const { name, file, text, expected } of [
  { name: 'YAML', file: 'a.yaml', text: 'a: 1\nb: [1,\nc: 2\n', expected: /^error a\.yaml:3:1: flow sequence/ },
  {
    name: 'a key that stands twice',
    file: 'a.yaml',
    text: 'kind: x\nkind: y\n',
    expected: /^error a\.yaml:2:1: map keys must be unique/,
  },
  {
    name: 'JSON',
    file: 'a.json',
    text: '{\n  "kind": "Service",\n  "metadata": {"name" "x"}\n}',
    expected: /^error a\.json:3:\d+: /,
  },
  {
    name: 'an unknown alias',
    file: 'a.yaml',
    text: 'kind: Service\nmetadata: *x\n',
    expected: /^error a\.yaml:2:\d+: /,
  },
  { name: 'a second document', file: 'a.yaml', text: 'kind: x\n---\n\tkind: y\n', expected: /^error a\.yaml:3:1: / },
  {
    name: 'no object',
    file: 'a.yaml',
    text: 'just text\n',
    expected: /^error a\.yaml:1:1: found a document that is the string "just text", expected Kubernetes objects$/,
  },
]) {
  test(`${name} is located; the rest is served`, () =>
    Folder.run({ [file]: text, 'good.yaml': service('good') }, async ({ store, logged }) => {
      assert.equal(store.names('service'), ['shop/good'])
      assert.match(logged[0]!, expected)
    }))
}

test('an object that cannot be served is told', () =>
  Folder.run({ 'a.yaml': service('"A_b"') }, async ({ logged }) => {
    assert.equal(logged, ['warn a.yaml: service "shop/A_b" is not served: name "A_b" is no DNS label'])
  }))

test('a mounted ConfigMap: files are read once, and a swap shows', () => {
  const folder = new Folder()
  const { path, store } = folder
  const publish = (version: string, files: Record<string, string>) => {
    for (const [name, text] of Object.entries(files)) folder.write(`..${version}/${name}`, text)
    symlinkSync(`..${version}`, join(path, '..data_tmp'))
    renameSync(join(path, '..data_tmp'), join(path, '..data'))
  }
  publish('1', { 'a.yaml': service('a') })
  symlinkSync('..data/a.yaml', join(path, 'a.yaml'))
  return (async () => {
    try {
      await folder.start()
      assert.equal(store.names('service'), ['shop/a'])
      publish('2', { 'a.yaml': service('b') })
      rmSync(join(path, '..1'), { recursive: true })
      await folder.until('service', 'shop/b')
      publish('3', { 'a.yaml': service('c') })
      await folder.until('service', 'shop/c')
      assert.equal(folder.logged, [])
    } finally {
      await folder.stop()
      rmSync(path, { recursive: true })
    }
  })()
})

test('links in a circle end', () => {
  const folder = new Folder()
  folder.write('deep/a.yaml', service('a'))
  symlinkSync('..', join(folder.path, 'deep', 'up'))
  return folder
    .start()
    .then(() => assert.equal(folder.store.names('service'), ['shop/a']))
    .finally(() => folder.stop())
    .finally(() => rmSync(folder.path, { recursive: true }))
})

test('a folder that is missing, or is a file, fails the start', async () => {
  for (const folder of ['/none/there', import.meta.filename]) {
    const settings = { kinds: KINDS, labels: undefined, namespaceLabels: undefined, folder }
    try {
      await new ManifestsSource(settings).start(new RecordStore())
      assert.unreachable('it started')
    } catch (error) {
      assert.is(
        (error as Error).message,
        `found no folder "${folder}", expected one with manifests (.yaml, .yml, .json)`,
      )
    }
  }
})

test.run()
