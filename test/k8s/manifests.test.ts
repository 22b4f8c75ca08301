/** What looks for cluster DNS finds it in k8s/: names, labels, key, ports, probes. And the chart's version and values. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { test } from 'uvu'
import { parse, parseAllDocuments } from 'yaml'
import { plugins } from '../../plugins/index.ts'
import { COREDNS_CHART_VALUES } from './coredns-chart-values.ts'

const root = join(import.meta.dirname, '../..')
const read = (file: string) => readFileSync(join(root, file), 'utf8')

// biome-ignore lint/suspicious/noExplicitAny: objects of the Kubernetes API, whose fields are what is tested
type Manifest = Record<string, any>

const objects = new Map<string, Manifest>()
for (const file of globSync('k8s/*.yaml', { cwd: root })) {
  for (const document of parseAllDocuments(read(file))) {
    const object = document.toJS() as Manifest
    if (object.kind !== 'Kustomization') objects.set(`${object.kind}/${object.metadata.name}`, object)
  }
}
const get = (key: string): Manifest => objects.get(key) ?? {}

test('the objects of the addon, under the names of kubeadm', () => {
  deepEqual([...objects.keys()].sort(), [
    'ClusterRole/system:coredns',
    'ClusterRoleBinding/system:coredns',
    'ConfigMap/coredns',
    'Deployment/coredns',
    'PodDisruptionBudget/coredns',
    'Service/kube-dns',
    'ServiceAccount/coredns',
  ])
  for (const [key, { metadata }] of objects) {
    if (!key.startsWith('ClusterRole')) equal(metadata.namespace, 'kube-system', key)
  }
})

test('pods: label, container, flags, ConfigMap and key', () => {
  const { metadata, spec } = get('Deployment/coredns')
  const [container, ...others] = spec.template.spec.containers
  deepEqual(others, [])
  // kubeadm, and the Kubernetes e2e suite, find the Deployment and its pods by this label.
  deepEqual(
    [metadata.labels, spec.selector.matchLabels, spec.template.metadata.labels],
    Array(3).fill({ 'k8s-app': 'kube-dns' }),
  )
  equal(container.name, 'coredns')
  deepEqual(container.args, ['-conf', '/etc/coredns/Corefile'])
  deepEqual(container.volumeMounts, [{ name: 'config-volume', mountPath: '/etc/coredns', readOnly: true }])
  deepEqual(spec.template.spec.volumes, [
    { name: 'config-volume', configMap: { name: 'coredns', items: [{ key: 'Corefile', path: 'Corefile' }] } },
  ])
  deepEqual(Object.keys(get('ConfigMap/coredns').data), ['Corefile'])
})

test('ports and probes', () => {
  const [container] = get('Deployment/coredns').spec.template.spec.containers
  const ports = container.ports.map((port: Manifest) => `${port.name} ${port.containerPort}/${port.protocol}`)
  deepEqual(ports, [
    'dns 53/UDP',
    'dns-tcp 53/TCP',
    'metrics 9153/TCP',
    'liveness-probe 8080/TCP',
    'readiness-probe 8181/TCP',
  ])
  deepEqual(container.livenessProbe, {
    httpGet: { path: '/health', port: 'liveness-probe', scheme: 'HTTP' },
    initialDelaySeconds: 60,
    timeoutSeconds: 5,
    failureThreshold: 5,
  })
  deepEqual(container.readinessProbe, {
    httpGet: { path: '/ready', port: 'readiness-probe', scheme: 'HTTP' },
    periodSeconds: 2,
    timeoutSeconds: 5,
    failureThreshold: 2,
  })
  const values = read('k8s/chart/values.yaml')
  for (const [{ periodSeconds, failureThreshold }, text] of [
    [container.readinessProbe, get('ConfigMap/coredns').data.Corefile],
    [parse(values).readinessProbe, values],
  ]) {
    const [, lameduckS] = /lameduck (\d+)s/.exec(text)!
    ok(
      periodSeconds * failureThreshold < Number(lameduckS),
      'kubelet hears that a replica leaves while it still answers',
    )
  }
})

test('the pods of one rollout are spread over nodes, whatever the ones before left behind', () => {
  const spread = {
    maxSkew: 1,
    topologyKey: 'kubernetes.io/hostname',
    whenUnsatisfiable: 'ScheduleAnyway',
    labelSelector: { matchLabels: { 'k8s-app': 'kube-dns' } },
    matchLabelKeys: ['pod-template-hash'],
  }
  for (const pod of [get('Deployment/coredns').spec.template.spec, parse(read('k8s/chart/kubeadm-values.yaml'))]) {
    deepEqual(pod.topologySpreadConstraints, [spread])
    const [{ podAffinityTerm }] = pod.affinity.podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution
    // Without it, the pods before keep the new ones away from where they are, and outweigh the spread.
    deepEqual(podAffinityTerm.matchLabelKeys, ['pod-template-hash'])
  }
})

test('the Service', () => {
  const { metadata, spec } = get('Service/kube-dns')
  deepEqual(metadata.labels, {
    'k8s-app': 'kube-dns',
    'kubernetes.io/cluster-service': 'true',
    'kubernetes.io/name': 'CoreDNS',
  })
  deepEqual([spec.clusterIP, spec.selector], ['10.96.0.10', { 'k8s-app': 'kube-dns' }])
  const ports = spec.ports.map((port: Manifest) => `${port.name} ${port.port}>${port.targetPort}/${port.protocol}`)
  deepEqual(ports, ['dns 53>53/UDP', 'dns-tcp 53>53/TCP', 'metrics 9153>9153/TCP'])
})

test('one version: of the package, of the image, of the chart', () => {
  const { version } = JSON.parse(read('package.json'))
  const chart = parse(read('k8s/chart/Chart.yaml'))
  deepEqual([chart.version, chart.appVersion], [version, version])
  match(read('k8s/image/Dockerfile'), new RegExp(`-t sextant:${RegExp.escape(version)} `))
  deepEqual(parse(read('k8s/kustomization.yaml')).images, [{ name: 'sextant', newTag: version }])
})

interface Schema {
  $ref?: string
  properties?: Record<string, Schema>
  items?: Schema
  enum?: unknown[]
}

const schema = JSON.parse(read('k8s/chart/values.schema.json')) as Schema & { $defs: Record<string, Schema> }

/** The schema of a value, by its path: `service.name`, `servers[].port`. */
function schemaOf(path: string): Schema | undefined {
  let here: Schema | undefined = schema
  for (const step of path.split('.')) {
    if (here?.$ref) here = schema.$defs[here.$ref.replace('#/$defs/', '')]
    here = here?.properties?.[step.replace('[]', '')]
    if (step.endsWith('[]')) here = here?.items
  }
  return here
}

test("the chart takes every value of CoreDNS's chart", () => {
  ok(COREDNS_CHART_VALUES.length > 120)
  deepEqual(
    COREDNS_CHART_VALUES.filter(path => !schemaOf(path)),
    [],
  )
  equal(schemaOf('servers[].plugin'), undefined)
})

test('the schema knows the plugins that the server has', () => {
  deepEqual(schemaOf('servers[].plugins[].name')?.enum, ['import', ...plugins.map(({ name }) => name)].sort())
})

test('values.yaml speaks of every value', () => {
  const text = read('k8s/chart/values.yaml')
  const values = parse(text) as Record<string, Record<string, unknown>>
  const missing = Object.entries(schema.properties!).flatMap(([name, { properties = {} }]) => {
    if (name === 'global') return []
    if (!(name in values)) return [name]
    return Object.keys(properties)
      .filter(key => !(key in values[name]!) && !new RegExp(`#.*\\b${key}\\b`).test(text))
      .map(key => `${name}.${key}`)
  })
  deepEqual(missing, [])
})

test('docs/migrate.md names what kubeadm looks at, and links to what is there', () => {
  const text = read('docs/migrate.md')
  for (const fact of [
    '`k8s-app: kube-dns`',
    '`Corefile-backup`',
    '`CoreDNSMigration`',
    '`CoreDNSUnsupportedPlugins`',
  ]) {
    ok(text.includes(fact), fact)
  }
  const anchors = [...text.matchAll(/^## (.+)$/gm)].map(([, title]) => `#${title!.toLowerCase().replaceAll(' ', '-')}`)
  const links = [...text.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link!)
  ok(links.length > 12)
  for (const link of links) {
    if (link.startsWith('#')) ok(anchors.includes(link), link)
    else if (!link.startsWith('https:')) ok(existsSync(join(root, 'docs', link)), link)
  }
  for (const page of ['README.md', 'k8s/README.md', 'k8s/chart/README.md']) {
    const [, target = ''] = /\]\(((?:\.\.\/)*docs\/migrate\.md)/.exec(read(page)) ?? []
    equal(join(dirname(page), target), 'docs/migrate.md', page)
  }
})

test('docs/migrate.md sets images by the names that the Deployment has', () => {
  const text = read('docs/migrate.md')
  const lines = text.match(/^.*kubectl -n kube-system set image.*$/gm) ?? []
  ok(lines.length >= 4)
  for (const line of lines) match(line, /set image deployment\/coredns coredns=\S+$/)
})

test.run()
