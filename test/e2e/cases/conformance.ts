/**
 * What the Kubernetes e2e suite asks of a cluster's DNS, test by test under the suite's own names and pass conditions: dig
 * in a pod of the test's namespace, over UDP and TCP, and any answer will do. Its tests that reach kubelet alone
 * (/etc/hosts, hostname, dnsPolicy None) are not here, nor those of Windows.
 */
import { deepEqual, equal } from 'node:assert/strict'
import { must } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { clusterFirst, Pod } from '../netns.ts'
import { service, slice } from '../objects.ts'
import { digShort, NS, podWith, probe, QUERIER, querierPod, ZONE } from '../querier.ts'
import { DNS_IP, world } from '../world.ts'

const HEADLESS = 'dns-test-service'
const REGULAR = 'test-service-2'
/** The suite looks once a second for so long. */
const CHANGED_MS = 30_000

/** The services that several tests of the suite make; gone afterwards. */
async function withServices(work: (clusterIP: string) => Promise<void>): Promise<void> {
  const { api } = world().cluster
  const { ip } = await querierPod()
  const headless = service(NS, HEADLESS, { clusterIP: 'None' })
  const endpoints = slice(NS, HEADLESS, [{ ip, hostname: QUERIER }])
  const regular = service(NS, REGULAR)
  const { spec } = (await api.create(regular)) as { spec: { clusterIP: string } }
  await Promise.all([api.create(headless), api.create(endpoints)])
  await work(spec.clusterIP)
  await Promise.all([headless, endpoints, regular].map(object => api.delete(object)))
}

test('conformance: should provide DNS for the cluster', async () => {
  await probe(await querierPod(), [`kubernetes.default.svc.${ZONE}`])
})

test('conformance: should provide DNS for the cluster [Provider:GCE]', async () => {
  await probe(await podWith('gce-querier', ['google.internal']), ['google.com', 'metadata'])
})

test('conformance: should resolve DNS of partial qualified names for the cluster [LinuxOnly]', async () => {
  await probe(await querierPod(), ['kubernetes.default', 'kubernetes.default.svc'])
})

test('conformance: should provide DNS for services', async () => {
  await withServices(async clusterIP => {
    const names = [HEADLESS, `_http._tcp.${HEADLESS}`, `_http._tcp.${REGULAR}`]
    await probe(
      await querierPod(),
      names.map(name => `${name}.${NS}.svc.${ZONE}`),
      clusterIP,
    )
  })
})

/** The same questions for pods in the cluster's network and in the node's. */
const PARTIAL = [
  HEADLESS,
  `${HEADLESS}.${NS}`,
  `${HEADLESS}.${NS}.svc`,
  `_http._tcp.${HEADLESS}.${NS}.svc`,
  `_http._tcp.${REGULAR}.${NS}.svc`,
]

test('conformance: should resolve DNS of partial qualified names for services [LinuxOnly]', async () => {
  await withServices(async clusterIP => probe(await querierPod(), PARTIAL, clusterIP))
})

test('conformance: should resolve DNS of partial qualified names for services on hostNetwork pods with dnsPolicy: ClusterFirstWithHostNet [LinuxOnly]', async () => {
  await must('ip', ['route', 'add', `${DNS_IP}/32`, 'dev', 'br0'])
  const pod = await Pod.create('host-querier', { resolvConf: clusterFirst(DNS_IP, NS), hostNetwork: true })
  await withServices(async clusterIP => probe(pod, PARTIAL, clusterIP))
})

test('conformance: should provide DNS for pods for Subdomain', async () => {
  const { api } = world().cluster
  const pod = await querierPod()
  const headless = service(NS, 'dns-test-service-2', { clusterIP: 'None' })
  const endpoints = slice(NS, 'dns-test-service-2', [{ ip: pod.ip, hostname: 'dns-querier-2' }])
  await Promise.all([api.create(headless), api.create(endpoints)])
  const subdomain = `dns-test-service-2.${NS}.svc.${ZONE}`
  await probe(pod, [`dns-querier-2.${subdomain}`, subdomain])
  await Promise.all([api.delete(headless), api.delete(endpoints)])
})

test('conformance: should provide DNS for ExternalName services', async () => {
  const { api } = world().cluster
  const pod = await querierPod()
  const name = `dns-test-service-3.${NS}.svc.${ZONE}`
  const shows = (type: string, want: string) =>
    eventually(CHANGED_MS, `${name} ${type} being ${want}`, async () => {
      deepEqual(await digShort(pod, name, type), [want])
    })
  const external = service(NS, 'dns-test-service-3', { type: 'ExternalName', externalName: 'foo.example.com' })
  await api.create(external)
  await shows('CNAME', 'foo.example.com.')
  await api.patch(external, { spec: { externalName: 'bar.example.com' } })
  await shows('CNAME', 'bar.example.com.')
  const ports = [{ port: 80, name: 'http', protocol: 'TCP' }]
  const spec = { type: 'ClusterIP', externalName: null, ports }
  const turned = (await api.patch(external, { spec })) as { spec: { clusterIP: string } }
  await shows('A', turned.spec.clusterIP)
  await api.delete(external)
})

test('conformance: should work with the pod containing more than 6 DNS search paths and longer than 256 search list characters', async () => {
  const paths = [1, 2, 3, 4, 5, 6].map(n => `${String(n).padStart(38, '0')}.k8s.io`)
  equal(paths.join('').length >= 256, true)
  await probe(await podWith('long-querier', paths), ['kubernetes.default', 'kubernetes.default.svc'])
})

test('conformance: should work with a search path containing an underscore and a search path with a single dot', async () => {
  const pod = await podWith('underscore-querier', ['.', '_sip._tcp.abc_d.example.com'])
  await probe(pod, ['kubernetes.default', 'kubernetes.default.svc'])
})

test('conformance: should work with a service name that starts with a digit', async () => {
  const { api } = world().cluster
  const pod = await querierPod()
  const digit = service(NS, '1kubernetes', { ports: [{ port: 443 }] })
  await api.create(digit)
  await probe(pod, [`1kubernetes.${NS}.svc.${ZONE}`])
  await api.delete(digit)
})
