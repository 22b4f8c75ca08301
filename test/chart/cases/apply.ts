/** The chart against the real API server: strict, without a warning, and as the release that takes over what is there. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { join } from 'node:path'
import { run } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { CHART, fileOf, helmEnvironment, KUBEADM_VALUES, manifest, objectsOf, programs, ROOT } from '../chart.ts'
import { cluster, kubectl, STRICT } from '../cluster.ts'

async function helm(...args: string[]): Promise<string> {
  const { kubeconfig } = await cluster()
  const { code, stdout, stderr } = await run(programs().helm, args, helmEnvironment(kubeconfig))
  if (code !== 0 || stderr !== '') throw new Error(`helm ${args.join(' ')} ended with code ${code}\n${stderr}`)
  return stdout
}

const ALL = `
service: {metrics: true, ipFamilyPolicy: SingleStack, trafficDistribution: PreferSameZone}
prometheus:
  service: {enabled: true}
  monitor: {enabled: true, interval: 15s, scrapeTimeout: 10s, honorLabels: true, scheme: http, relabelings: [{action: labelmap, regex: __meta_kubernetes_pod_label_(.+)}]}
  rules: {enabled: true}
dashboards: {enabled: true}
podDisruptionBudget: {maxUnavailable: 1, unhealthyPodEvictionPolicy: AlwaysAllow}
rbac: {multiclusterEnable: true}
topologySpreadConstraints:
  - {maxSkew: 1, topologyKey: topology.kubernetes.io/zone, whenUnsatisfiable: ScheduleAnyway, labelSelector: {matchLabels: {app.kubernetes.io/instance: '{{ .Release.Name }}'}}}
extraVolumes: [{name: state, emptyDir: {sizeLimit: 64Mi}}]
extraVolumeMounts: [{name: state, mountPath: /var/lib/sextant}]
extraSecrets: [{name: key, mountPath: /etc/key}]
zoneFiles: [{filename: names.hosts, contents: "192.0.2.1 a.example"}]
env: [{name: SEXTANT_UDP, value: dgram}]
customLabels: {team: dns}
customAnnotations: {who: me}
`

const ROWS: readonly { name: string; values: string; files?: readonly string[] }[] = [
  { name: 'the default', values: '' },
  { name: "kubeadm's", values: '', files: [KUBEADM_VALUES] },
  { name: 'all of it', values: `${ALL}autoscaler: {enabled: true}` },
  {
    name: 'all of it, scaled by load',
    values: `${ALL}hpa: {enabled: true, maxReplicas: 4, behavior: {scaleDown: {stabilizationWindowSeconds: 600}}, metrics: [{type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 60}}}]}`,
  },
  {
    name: 'a name server for others',
    values: `
isClusterService: false
serviceType: LoadBalancer
service: {externalTrafficPolicy: Local, loadBalancerClass: example.org/lb}
servers: [{port: 5300, servicePort: 53, nodePort: 30053, plugins: [{name: whoami}]}]`,
  },
]

test('apply: the API server knows what the Prometheus operator defines', async () => {
  const names = await kubectl('apply', ...STRICT, '-f', programs().definitions)
  equal(names.trim().split('\n').length, 2)
  await kubectl('wait', '--for=condition=Established', '-f', programs().definitions, '--timeout=20s')
})

interface Deployment {
  spec: { template: { metadata: object; spec: object } }
}

for (const { name, values, files = [] } of ROWS) {
  test(`apply: ${name}`, async note => {
    const text = await manifest(values, { files })
    const lines = await kubectl('apply', ...STRICT, '--dry-run=server', '-f', fileOf(text))
    note(`${lines.trim().split('\n').length} objects`)
    // Pods are only validated when they are made: the templates as pods.
    for (const [key, object] of objectsOf(text)) {
      if (!key.startsWith('Deployment/')) continue
      const { metadata, spec } = (object as never as Deployment).spec.template
      const { api } = await cluster()
      const pod = { apiVersion: 'v1', kind: 'Pod', metadata: { ...metadata, name: 'pod' }, spec }
      await api.call('POST', '/api/v1/namespaces/kube-system/pods?dryRun=All&fieldValidation=Strict', pod)
    }
  })
}

test('apply: k8s/, by kubectl apply -k', async () => {
  const names = await kubectl('apply', ...STRICT, '-k', join(ROOT, 'k8s'))
  equal(names.trim().split('\n').length, 7)
})

const get = async (kind: string, name: string) =>
  JSON.parse(await kubectl('get', kind, name, '-n', 'kube-system', '-o', 'json'))

/** kubeadm's addon in the chart's hands: what it was before, its Deployment and its Service. */
let taking: ReturnType<typeof takeOver> | undefined
const taken = () => (taking ??= takeOver())

async function takeOver() {
  await kubectl('apply', ...STRICT, '-k', join(ROOT, 'k8s'))
  const before = [await get('deployment', 'coredns'), await get('service', 'kube-dns')]
  const flags = ['--values', KUBEADM_VALUES, '--take-ownership', '--force-conflicts']
  match(await helm('install', 'coredns', CHART, '--namespace', 'kube-system', ...flags), /STATUS: deployed/)
  return before
}

test('apply: a release takes over the addon that is there, and keeps its Service and its selector', async () => {
  const before = await taken()
  const [deployment, service] = [await get('deployment', 'coredns'), await get('service', 'kube-dns')]
  deepEqual(
    [deployment, service].map(({ metadata }) => metadata.uid),
    before.map(({ metadata }) => metadata.uid),
  )
  deepEqual(deployment.spec.selector, { matchLabels: { 'k8s-app': 'kube-dns' } })
  deepEqual([service.spec.clusterIP, service.spec.selector], ['10.96.0.10', { 'k8s-app': 'kube-dns' }])
  const { containers } = deployment.spec.template.spec
  deepEqual(
    containers.map(({ name }: { name: string }) => name),
    ['coredns'],
  )
  equal(containers[0].ports.length, 5)
})

test('apply: an upgrade of the release without a change changes nothing', async () => {
  await taken()
  const { generation } = (await get('deployment', 'coredns')).metadata
  await helm('upgrade', 'coredns', CHART, '--namespace', 'kube-system', '--values', KUBEADM_VALUES, '--force-conflicts')
  equal((await get('deployment', 'coredns')).metadata.generation, generation)
})

test('apply: the way back by kubectl apply -k, and to the release by helm rollback', async () => {
  await taken()
  await kubectl('apply', '--server-side', '--force-conflicts', '-o', 'name', '-k', join(ROOT, 'k8s'))
  equal((await get('service', 'kube-dns')).spec.clusterIP, '10.96.0.10')
  const back = ['rollback', 'coredns', '1', '--namespace', 'kube-system', '--force-conflicts']
  match(await helm(...back), /Rollback was a success/)
})

test('apply: an uninstall leaves the Service', async () => {
  await taken()
  const { uid } = (await get('service', 'kube-dns')).metadata
  await helm('uninstall', 'coredns', '--namespace', 'kube-system')
  taking = undefined
  equal((await get('service', 'kube-dns')).metadata.uid, uid)
  match(await kubectl('get', 'deployments', '-n', 'kube-system', '-o', 'name'), /^$/)
})
