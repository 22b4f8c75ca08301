/**
 * kubeadm against the suite's API server, on a machine that it takes for a control plane: a default route, a Node of this
 * name with its API server's pod, and an /etc/kubernetes, in the suite's own namespaces.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import type { Cluster } from '../e2e/cluster.ts'
import { BRIDGE_IP } from '../e2e/netns.ts'
import { must, type Output, run } from '../harness/process.ts'
import { fileOf, programs } from './chart.ts'
import { cluster } from './cluster.ts'

export const VERSION = 'v1.36.2'
/** CoreDNS of that kubeadm. */
export const COREDNS_VERSION = '1.14.2'

let preparing: Promise<void> | undefined

/** A file with a cluster's configuration. @param dns YAML of its field `dns` */
export function configurationOf(dns = '{}'): string {
  return fileOf(`apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: ${BRIDGE_IP}}
nodeRegistration: {name: ${hostname()}}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: ${VERSION}
networking: {dnsDomain: cluster.local, serviceSubnet: 10.96.0.0/12}
dns: ${dns}
`)
}

/** kubeadm as administrator; any exit code. */
export async function kubeadm(...args: string[]): Promise<Output> {
  const { kubeconfig } = await prepared()
  return run(programs().kubeadm, [...args, '--kubeconfig', kubeconfig])
}

export async function prepared(): Promise<Cluster> {
  const made = await cluster()
  preparing ??= prepare(made)
  await preparing
  return made
}

async function prepare({ api }: Cluster): Promise<void> {
  await must('ip', ['route', 'add', 'default', 'dev', 'br0'])
  const [upper, work] = ['/run/etc/upper', '/run/etc/work']
  mkdirSync(`${upper}/kubernetes/manifests`, { recursive: true })
  mkdirSync(work)
  await must('mount', ['-t', 'overlay', 'etc', '-o', `lowerdir=/etc,upperdir=${upper},workdir=${work}`, '/etc'])
  writeFileSync('/etc/kubernetes/manifests/kube-apiserver.yaml', '')
  const name = hostname()
  await api.call('POST', '/api/v1/nodes', {
    apiVersion: 'v1',
    kind: 'Node',
    metadata: {
      name,
      labels: { 'node-role.kubernetes.io/control-plane': '' },
      annotations: { 'kubeadm.alpha.kubernetes.io/cri-socket': 'unix:///run/none.sock' },
    },
  })
  await api.call('POST', '/api/v1/namespaces/kube-system/pods', {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: `kube-apiserver-${name}`,
      labels: { component: 'kube-apiserver', tier: 'control-plane' },
      annotations: { 'kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint': `${BRIDGE_IP}:443` },
    },
    spec: {
      nodeName: name,
      hostNetwork: true,
      containers: [{ name: 'kube-apiserver', image: `registry.k8s.io/kube-apiserver:${VERSION}` }],
    },
  })
}
