/**
 * Names of a cluster set (multicluster), whose CustomResourceDefinition comes and goes, and of topology zones (zonal).
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import type { KubernetesObject } from '../api-client.ts'
import { ask } from '../ask.ts'
import { account, namespace, service, slice } from '../objects.ts'
import { STOCK_COREFILE, seen, startServer, WEB, WEB_IP, world } from '../world.ts'

const GROUP = 'multicluster.x-k8s.io'
const COREFILE = STOCK_COREFILE.replace(
  /kubernetes cluster\.local (.*) \{/,
  'kubernetes cluster.local clusterset.local $1 {\n        multicluster clusterset.local\n        zonal',
)

/** What mcs-api installs, without the schema. */
const DEFINITION: KubernetesObject = {
  apiVersion: 'apiextensions.k8s.io/v1',
  kind: 'CustomResourceDefinition',
  metadata: {
    name: `serviceimports.${GROUP}`,
    // Groups below k8s.io are refused without it.
    annotations: { 'api-approved.kubernetes.io': 'unapproved, for a test' },
  },
  spec: {
    group: GROUP,
    scope: 'Namespaced',
    names: {
      plural: 'serviceimports',
      singular: 'serviceimport',
      kind: 'ServiceImport',
      listKind: 'ServiceImportList',
    },
    versions: [
      {
        name: 'v1alpha1',
        served: true,
        storage: true,
        schema: { openAPIV3Schema: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } },
      },
    ],
  },
}

function serviceImport(name: string, type: string, ips: readonly string[]): KubernetesObject {
  const ports = [{ name: 'http', port: 80, protocol: 'TCP' }]
  return {
    apiVersion: `${GROUP}/v1alpha1`,
    kind: 'ServiceImport',
    metadata: { name, namespace: 'set' },
    spec: { type, ips, ports },
  }
}

function imported(of: string, cluster: string, ip: string, hostname: string): KubernetesObject {
  const object = slice('set', of, [{ ip, hostname }], undefined, cluster)
  const prefix = 'multicluster.kubernetes.io'
  const labels = { [`${prefix}/service-name`]: of, [`${prefix}/source-cluster`]: cluster }
  return { ...object, metadata: { ...object.metadata, labels } }
}

const RESOURCES: readonly [group: string, resource: string][] = [
  ['', 'services'],
  ['discovery.k8s.io', 'endpointslices'],
  ['', 'namespaces'],
  [GROUP, 'serviceimports'],
]

test(
  'multicluster: without the CustomResourceDefinition, with it, and without it again',
  async note => {
    const { api } = world().cluster
    for (const object of account('clusterset', RESOURCES)) await api.create(object)
    await api.create(namespace('set'))
    await api.create(imported('db', 'east', '10.1.0.5', 'db-0'))
    const server = await startServer('clusterset', {
      corefile: COREFILE,
      token: await api.token('kube-system', 'clusterset'),
    })
    await server.ready()
    const absent = server.child.lines.filter(line => line.includes(`serviceimports.${GROUP}`))
    equal(absent.length, 1, absent.join('\n'))
    match(absent[0]!, /INFO/)
    const web = 'web.set.svc.clusterset.local'
    const db = 'db-0.east.db.set.svc.clusterset.local'
    for (let round = 0; round < 2; round++) {
      equal((await ask(server.ip, web, 'A')).rcode, 'NXDOMAIN')
      await api.create(DEFINITION)
      await seen(server.ip, WEB, 'A', [WEB_IP], 1000)
      await createOnce(serviceImport('web', 'ClusterSetIP', ['10.112.0.1']))
      const appearedMs = await seen(server.ip, web, 'A', ['10.112.0.1'], 15_000)
      await api.create(serviceImport('db', 'Headless', []))
      await seen(server.ip, db, 'A', ['10.1.0.5'], 1000)
      await api.patch(serviceImport('web', '', []), { spec: { ips: ['10.112.0.2'] } })
      await seen(server.ip, web, 'A', ['10.112.0.2'], 1000)
      await api.delete(DEFINITION)
      const vanishedMs = await seen(server.ip, db, 'A', 'NXDOMAIN', 15_000)
      await seen(server.ip, web, 'A', 'NXDOMAIN', 15_000)
      note(`there after ${appearedMs.toFixed(0)} ms, gone after ${vanishedMs.toFixed(0)} ms`)
      await seen(server.ip, WEB, 'A', [WEB_IP], 1000)
      equal((await server.http(8181, '/ready')).status, 200)
    }
    await server.stop()
  },
  { timeoutMs: 120_000, coredns: 'it is never ready without the CustomResourceDefinition' },
)

/** The path of a definition is served a moment after its creation. */
async function createOnce(object: KubernetesObject): Promise<void> {
  const { api } = world().cluster
  await eventually(10_000, 'the custom resource being served', () => api.create(object).then(() => undefined), 20)
}

test('zonal: the endpoints of a zone, as the API server sends them', async () => {
  const { api } = world().cluster
  await api.create(service('default', 'zoned', { clusterIP: 'None' }))
  const all = slice('default', 'zoned', [{ ip: '10.244.7.1' }, { ip: '10.244.7.2' }])
  const [a, b] = all.endpoints as Record<string, unknown>[]
  await api.create({
    ...all,
    endpoints: [
      { ...a, zone: 'eu-1a' },
      { ...b, zone: 'eu-1b' },
    ],
  })
  const server = await startServer('zonal', { corefile: STOCK_COREFILE.replace('ttl 30', 'ttl 30\n        zonal') })
  await server.ready()
  const name = (zone: string) => `${zone}._zone.zoned.default.svc.cluster.local`
  deepEqual((await ask(server.ip, name('eu-1a.pin'), 'A')).data, ['10.244.7.1'])
  deepEqual((await ask(server.ip, name('eu-1c.prefer'), 'A')).data.sort(), ['10.244.7.1', '10.244.7.2'])
  const { rcode, data } = await ask(server.ip, name('eu-1c.pin'), 'A')
  deepEqual([rcode, data], ['NOERROR', []])
  await api.patch(all, { endpoints: [a, b].map(endpoint => ({ ...endpoint, zone: 'eu-1a' })) })
  await seen(server.ip, name('eu-1a.pin'), 'A', ['10.244.7.1', '10.244.7.2'], 1000)
  await server.stop()
})
