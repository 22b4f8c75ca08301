/** k8s/node-local/: what looks for NodeLocal DNSCache finds it, the parts agree, and its Corefile is served. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import { parse, parseAllDocuments } from 'yaml'
import { plugins } from '../../plugins/index.ts'
import { build } from '../../server/control/build.ts'
import { readConfiguration } from '../../server/control/configuration.ts'
import { formatLine } from '../../server/corefile/error.ts'
import { originOf, temporaryFolder } from '../harness/server.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')
const NODE_ADDRESS = '169.254.20.10'
const SERVICE_ADDRESS = '10.96.0.10'
const UPSTREAM = 'KUBE_DNS_UPSTREAM_SERVICE_HOST'

// biome-ignore lint/suspicious/noExplicitAny: objects of the Kubernetes API, whose fields are what is tested
type Manifest = Record<string, any>

/** The objects of a folder by `Kind/name`, the Kustomization as `Kustomization`. */
function objectsOf(folder: string): Map<string, Manifest> {
  const objects = new Map<string, Manifest>()
  for (const file of globSync(`${folder}/*.yaml`, { cwd: root })) {
    for (const document of parseAllDocuments(read(file))) {
      const object = document.toJS() as Manifest
      objects.set(object.metadata ? `${object.kind}/${object.metadata.name}` : object.kind, object)
    }
  }
  return objects
}

const base = objectsOf('k8s/node-local')
const component = objectsOf('k8s/node-local/take-over')
const daemonSet = base.get('DaemonSet/node-local-dns')!
const pod = daemonSet.spec.template.spec
const [prepare] = pod.initContainers
const server = pod.containers.find(({ name }: Manifest) => name === 'node-local-dns')
const watcher = pod.containers.find(({ name }: Manifest) => name === 'watcher')
const corefile: string = base.get('ConfigMap/node-local-dns')!.data.Corefile
const environmentOf = ({ env }: Manifest): Record<string, string> =>
  Object.fromEntries(env.map(({ name, value }: Manifest) => [name, value]))

const test = suite('node-local')

test('the objects, under the names of NodeLocal DNSCache', () => {
  deepEqual([...base.keys()].sort(), [
    'ConfigMap/node-local-dns',
    'DaemonSet/node-local-dns',
    'Kustomization',
    'Service/kube-dns-upstream',
    'Service/node-local-dns',
    'ServiceAccount/node-local-dns',
  ])
  for (const [key, object] of base) if (key !== 'Kustomization') equal(object.metadata.namespace, 'kube-system', key)
  const files = globSync('k8s/node-local/*.yaml', { cwd: root }).map(file => file.split('/').at(-1))
  const { resources, images } = base.get('Kustomization')!
  deepEqual(resources.toSorted(), files.filter(file => file !== 'kustomization.yaml').sort())
  deepEqual(images, [{ name: 'sextant', newTag: JSON.parse(read('package.json')).version }])
})

test('labels, Services and annotations', () => {
  const label = { 'k8s-app': 'node-local-dns' }
  const { matchLabels } = daemonSet.spec.selector
  // The selector of a DaemonSet that is there cannot be changed; the other label is in a command of docs/node-local.md.
  const { labels } = daemonSet.spec.template.metadata
  deepEqual([matchLabels, labels], [label, { ...label, 'app.kubernetes.io/name': 'sextant' }])
  match(read('docs/node-local.md'), /-l 'k8s-app=node-local-dns,app\.kubernetes\.io\/name!=sextant'/)
  const metrics = base.get('Service/node-local-dns')!
  deepEqual([metrics.spec.clusterIP, metrics.spec.selector, metrics.metadata.labels], ['None', label, label])
  for (const { annotations } of [metrics.metadata, daemonSet.spec.template.metadata]) {
    deepEqual([annotations['prometheus.io/scrape'], annotations['prometheus.io/port']], ['true', '9253'])
  }
  // The pods of the addon, wherever they come from, at an address that the API server chooses.
  const { spec } = base.get('Service/kube-dns-upstream')!
  deepEqual([spec.clusterIP, spec.selector], [undefined, { 'k8s-app': 'kube-dns' }])
  const ports = spec.ports.map((port: Manifest) => `${port.name} ${port.port}>${port.targetPort}/${port.protocol}`)
  deepEqual(ports, ['dns 53>53/UDP', 'dns-tcp 53>53/TCP'])
})

test("on the node's network, at the head of the queue, wherever a node is tainted", () => {
  const { hostNetwork, dnsPolicy, priorityClassName, tolerations } = pod
  deepEqual([hostNetwork, dnsPolicy, priorityClassName], [true, 'Default', 'system-node-critical'])
  deepEqual(tolerations, [
    { key: 'CriticalAddonsOnly', operator: 'Exists' },
    { effect: 'NoExecute', operator: 'Exists' },
    { effect: 'NoSchedule', operator: 'Exists' },
  ])
})

test('a new pod serves beside the old one before that leaves', () => {
  deepEqual(daemonSet.spec.updateStrategy, {
    type: 'RollingUpdate',
    rollingUpdate: { maxSurge: 1, maxUnavailable: 0 },
  })
  equal(environmentOf(server).SEXTANT_SHARE_ADDRESSES, '1')
  // On the host's network they would be host ports, which two pods of a node cannot both have.
  for (const container of [prepare, ...pod.containers]) equal(container.ports, undefined, container.name)
})

test('probes: ready when this server serves, alive at the address that it is asked at', () => {
  const commands = [prepare.command, watcher.command, watcher.startupProbe.exec.command]
  const flags = ['--jitless', '--max-semi-space-size=1', '--v8-pool-size=0']
  deepEqual(
    commands,
    ['prepare', 'watch', 'ready'].map(word => ['/usr/bin/node', ...flags, '/opt/sextant/dist/node-local.cjs', word]),
  )
  ok(watcher.startupProbe.periodSeconds * watcher.startupProbe.failureThreshold >= 300)
  const { httpGet, initialDelaySeconds, timeoutSeconds } = server.livenessProbe
  deepEqual([httpGet.host, httpGet.path, httpGet.port], [NODE_ADDRESS, '/health', 8080])
  deepEqual([initialDelaySeconds, timeoutSeconds], [60, 5])
  match(corefile, /^ {4}health 169\.254\.20\.10:8080$/m)
})

test('rights: the server changes nothing, the watcher binds nothing; no token, no file is written', () => {
  const rights = ({ securityContext: { runAsUser, allowPrivilegeEscalation, capabilities } }: Manifest) => [
    runAsUser,
    allowPrivilegeEscalation,
    capabilities.drop,
    capabilities.add,
  ]
  deepEqual(rights(server), [65532, true, ['ALL'], ['NET_BIND_SERVICE']])
  for (const container of [prepare, watcher]) {
    deepEqual(rights(container), [0, false, ['ALL'], ['NET_ADMIN', 'NET_BIND_SERVICE']])
  }
  for (const container of [prepare, ...pod.containers]) {
    equal(container.securityContext.readOnlyRootFilesystem, true, container.name)
    match(container.resources.limits.memory, /^\d+Mi$/, container.name)
  }
  equal(pod.securityContext.seccompProfile.type, 'RuntimeDefault')
  equal(pod.automountServiceAccountToken, false)
  equal(environmentOf(server).SEXTANT_PERMISSION, '1')
})

test('the server and the watcher meet at one socket', () => {
  for (const container of [server, watcher]) {
    equal(environmentOf(container).SEXTANT_WATCHER, '/run/sextant/watcher.sock')
    ok(
      container.volumeMounts.some(
        ({ name, mountPath }: Manifest) => name === 'watcher' && mountPath === '/run/sextant',
      ),
    )
  }
  ok(pod.volumes.find(({ name }: Manifest) => name === 'watcher').emptyDir)
})

test("the node's address is one in all places; who is not served asks kube-dns-upstream", () => {
  // kubelet makes the variable of the Service's name, and puts it in for $(…).
  equal(`${'kube-dns-upstream'.toUpperCase().replaceAll('-', '_')}_SERVICE_HOST`, UPSTREAM)
  equal(pod.enableServiceLinks, true)
  for (const container of [prepare, watcher]) {
    const { SEXTANT_NODE_ADDRESSES, SEXTANT_NODE_FALLBACK } = environmentOf(container)
    deepEqual([SEXTANT_NODE_ADDRESSES, SEXTANT_NODE_FALLBACK], [NODE_ADDRESS, `$(${UPSTREAM})`], container.name)
  }
  const binds = corefile.match(/^ *bind .*$/gm)!.map(line => line.trim())
  deepEqual(binds, Array(4).fill(`bind ${NODE_ADDRESS}`))
})

/** Mistakes in a Corefile as `sextant check` finds them, with this value of the variable. */
function mistakesOf(text: string, upstream: string | undefined): string[] {
  const folder = temporaryFolder()
  const before = process.env[UPSTREAM]
  if (upstream === undefined) delete process.env[UPSTREAM]
  else process.env[UPSTREAM] = upstream
  try {
    const resolvers = folder.write('resolv.conf', 'nameserver 192.0.2.1\n')
    const file = folder.write('Corefile', text.replaceAll('/etc/resolv.conf', resolvers))
    const parsed = readConfiguration(originOf(file, folder.path))
    deepEqual(parsed.warnings, [])
    build(parsed, { plugins, port: 53, reload: async () => false })
    return []
  } catch (cause) {
    if (!(cause instanceof Error && 'errors' in cause)) throw cause
    return (cause.errors as never[]).map(error => formatLine(error).replace(/^.*Corefile:/, ''))
  } finally {
    if (before === undefined) delete process.env[UPSTREAM]
    else process.env[UPSTREAM] = before
    folder.remove()
  }
}

test('the Corefile is served as it is, with an upstream of either family', () => {
  deepEqual(mistakesOf(corefile, '10.96.12.34'), [])
  deepEqual(mistakesOf(corefile, 'fd00:10:96::1234'), [])
})

test('where the Service is not there, the error says what is missing', () => {
  const mistakes = mistakesOf(corefile, undefined)
  equal(mistakes.length, 3)
  for (const mistake of mistakes) {
    match(mistake, /^\d+:15: forward: invalid upstream "", .*; \{\$KUBE_DNS_UPSTREAM_SERVICE_HOST\} is not set$/)
  }
})

test('the blocks: those of NodeLocal DNSCache, each with what it has there', () => {
  const keys = [...corefile.matchAll(/^(\S+) \{$/gm)].map(([, key]) => key)
  deepEqual(keys, ['cluster.local:53', 'in-addr.arpa:53', 'ip6.arpa:53', '.:53'])
  for (const line of ['errors', 'reload', 'loop', 'prometheus :9253', 'serve_stale']) {
    equal(corefile.split('\n').filter(text => text.trim() === line).length, 4, line)
  }
  equal(corefile.match(/forward \. \{\$KUBE_DNS_UPSTREAM_SERVICE_HOST\} \{\n +force_tcp\n/g)?.length, 3)
})

test('memory: full caches fit into the limit, whatever is in them', () => {
  const written = [...corefile.matchAll(/^ +(?:success|denial) (\d+) /gm)].map(([, entries]) => Number(entries))
  equal(written.length, 2)
  const entries = written.reduce((sum, capacity) => sum + capacity) + 3 * 2 * 10_000 // the default, of three blocks
  // A share of 1 KiB for each entry (plugins/cache), beside what the server takes at its start, 45 MiB, and 32 MiB of TCP clients.
  const limitMib = Number.parseInt(server.resources.limits.memory, 10)
  ok(45 + 32 + entries / 1024 <= limitMib, `${entries} entries`)
})

test('taking over: the Service is in each bind, and in what the watcher is told, and nothing else is changed', () => {
  const kustomization = parse(read('k8s/node-local/take-over/kustomization.yaml'))
  equal(kustomization.kind, 'Component')
  deepEqual(kustomization.patches, [{ path: 'corefile.yaml' }, { path: 'daemonset.yaml' }])
  const patched: string = component.get('ConfigMap/node-local-dns')!.data.Corefile
  equal(patched, corefile.replaceAll(`bind ${NODE_ADDRESS}\n`, `bind ${NODE_ADDRESS} ${SERVICE_ADDRESS}\n`))
  deepEqual(mistakesOf(patched, '10.96.12.34'), [])
  const { initContainers, containers } = component.get('DaemonSet/node-local-dns')!.spec.template.spec
  deepEqual(
    [initContainers, containers].map(list => list.map(({ name }: Manifest) => name)),
    [['prepare'], ['watcher']],
  )
  for (const container of [...initContainers, ...containers]) {
    // Replies of a Service go back under one address of the node: the other one has to be the Service's own.
    deepEqual(environmentOf(container), {
      SEXTANT_NODE_ADDRESSES: `${NODE_ADDRESS},${SERVICE_ADDRESS}`,
      SEXTANT_NODE_FALLBACK: SERVICE_ADDRESS,
    })
  }
  equal(objectsOf('k8s').get('Service/kube-dns')!.spec.clusterIP, SERVICE_ADDRESS)
})

test('docs/node-local.md: links lead somewhere, and all pages for operators lead there', () => {
  const text = read('docs/node-local.md')
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!.replace(/#.*/, ''))
  ok(links.length > 5)
  for (const link of links) if (!/^(?:https:|$)/.test(link)) ok(existsSync(join(root, 'docs', link)), link)
  for (const page of ['README.md', 'k8s/README.md', 'docs/migrate.md', 'docs/errors.md']) {
    match(read(page), /\]\((?:\.\.\/)?(?:docs\/)?node-local\.md/, page)
  }
})

test('docs/node-local.md names each placeholder that the reader refuses, with the same cure', () => {
  const text = read('docs/node-local.md')
  const rows = [...text.matchAll(/^\| `(__PILLAR__[A-Z_]+)` +\| (.+?) +\|/gm)]
  equal(rows.length, 5)
  for (const [, name, cure = ''] of rows) {
    const [mistake] = mistakesOf(`. {\n log ${name}\n}\n`, undefined)
    ok(mistake?.endsWith(`, expected ${cure.replaceAll('`', '')}`), String(mistake))
  }
})

test.run()
