/**
 * k8s/ against the real API server: accepted whole, applied again without a change, found by what looks for cluster DNS.
 */
import { deepEqual, equal, match } from 'node:assert/strict'
import { join } from 'node:path'
import { test } from '../../harness/suite.ts'
import { slice } from '../objects.ts'
import { DNS_IP, ROOT, STOCK_COREFILE, seen, world } from '../world.ts'

const K8S = join(ROOT, 'k8s')

async function get(kind: string, name: string): Promise<Record<string, never>> {
  return JSON.parse(await world().cluster.kubectl('get', kind, name, '-n', 'kube-system', '-o', 'json'))
}

interface Rule {
  apiGroups: string[]
  resources: string[]
  verbs: string[]
}

test('manifests: kubectl applies them, and applies them again without a change', async () => {
  const lines = (await world().cluster.kubectl('apply', '-k', K8S)).trim().split('\n')
  equal(lines.length, 7)
  // kubectl replaces the selector of a PodDisruptionBudget as a whole, and calls that a change.
  for (const line of lines) match(line, / unchanged$|^poddisruptionbudget/)
  const { metadata } = (await get('poddisruptionbudget', 'coredns')) as unknown as { metadata: { generation: number } }
  equal(metadata.generation, 1)
})

test('manifests: strict validation by the API server finds nothing', async () => {
  const { cluster } = world()
  await cluster.kubectl('apply', '-k', K8S, '--dry-run=server', '--validate=strict')
  // The pods are only validated when one is made: the template as a pod.
  const { spec } = (await get('deployment', 'coredns')) as unknown as {
    spec: { template: { metadata: object; spec: object } }
  }
  const { metadata, spec: pod } = spec.template
  const object = {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { ...metadata, name: 'coredns-0', namespace: 'kube-system' },
    spec: pod,
  }
  await cluster.api.call('POST', '/api/v1/namespaces/kube-system/pods?dryRun=All&fieldValidation=Strict', object)
})

test('manifests: the ConfigMap holds the Corefile of kubeadm byte for byte', async () => {
  const { data } = (await get('configmap', 'coredns')) as unknown as { data: Record<string, string> }
  deepEqual(data, { Corefile: STOCK_COREFILE })
})

test('manifests: list and watch of five resources, and nothing else', async () => {
  const { rules } = (await get('clusterrole', 'system:coredns')) as unknown as { rules: Rule[] }
  const rights = rules.flatMap(({ apiGroups, resources, verbs }) =>
    apiGroups.flatMap(group => resources.map(resource => `${verbs} ${resource}${group && `.${group}`}`)),
  )
  const core = ['endpoints', 'namespaces', 'pods', 'services'].map(resource => `list,watch ${resource}`)
  deepEqual(rights.sort(), [...core, 'list,watch endpointslices.discovery.k8s.io'].sort())
  const can = ['auth', 'can-i', '--as=system:serviceaccount:kube-system:coredns', '-A']
  match(await world().cluster.kubectl(...can, 'watch', 'endpointslices.discovery.k8s.io'), /^yes/)
})

test('manifests: pods have the security and the names that a cluster expects', async () => {
  const deployment = (await get('deployment', 'coredns')) as never as Deployment
  const { metadata, spec } = deployment.spec.template
  const [container] = spec.containers
  equal(metadata.labels['k8s-app'], 'kube-dns')
  deepEqual(spec.securityContext, {
    fsGroup: 65532,
    runAsGroup: 65532,
    runAsNonRoot: true,
    runAsUser: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
    sysctls: [{ name: 'net.ipv4.ip_unprivileged_port_start', value: '53' }],
  })
  deepEqual(container!.securityContext, {
    allowPrivilegeEscalation: false,
    capabilities: { add: ['NET_BIND_SERVICE'], drop: ['ALL'] },
    readOnlyRootFilesystem: true,
  })
  deepEqual([spec.serviceAccountName, spec.dnsPolicy], ['coredns', 'Default'])
  deepEqual(container!.resources, { limits: { memory: '170Mi' }, requests: { cpu: '100m', memory: '70Mi' } })
})

interface Deployment {
  spec: {
    template: {
      metadata: { labels: Record<string, string> }
      spec: {
        securityContext: unknown
        serviceAccountName: string
        dnsPolicy: string
        containers: { securityContext: unknown; resources: unknown }[]
      }
    }
  }
}

test('manifests: service kube-dns has the address that kubelet hands out, and resolves itself', async () => {
  const { cluster, server } = world()
  const { spec } = (await get('service', 'kube-dns')) as unknown as { spec: { clusterIP: string; selector: object } }
  deepEqual([spec.clusterIP, spec.selector], [DNS_IP, { 'k8s-app': 'kube-dns' }])
  await cluster.api.create(slice('kube-system', 'kube-dns', [{ ip: server.ip }]))
  await seen(server.ip, 'kube-dns.kube-system.svc.cluster.local', 'A', [DNS_IP], 5000)
  await seen(
    server.ip,
    `${DNS_IP.split('.').reverse().join('.')}.in-addr.arpa`,
    'PTR',
    ['kube-dns.kube-system.svc.cluster.local'],
    5000,
  )
})
