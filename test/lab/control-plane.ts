/** etcd, kube-apiserver, kube-controller-manager and kube-scheduler, on the switch's own address, each with its own certificate. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Certificates, createCertificates } from '../e2e/certificates.ts'
import { must, run } from '../harness/process.ts'
import { Daemon } from './daemon.ts'
import { CONTROL_IP, KUBECONFIG, NODES, POD_RANGE, SERVICE_RANGE, STATE } from './place.ts'

const PORT = 6443
const READY_MS = 90_000
const ETCD = 'http://127.0.0.1:2379'
const PKI = join(STATE, 'pki')

/** Those whom RBAC of the API server's own knows by these names. */
const COMPONENTS: Readonly<Record<string, string>> = {
  'kube-controller-manager': '/CN=system:kube-controller-manager',
  'kube-scheduler': '/CN=system:kube-scheduler',
  'kube-proxy': '/CN=system:kube-proxy',
  ...Object.fromEntries(NODES.map(({ name }) => [name, `/O=system:nodes/CN=system:node:${name}`])),
}

export const CLIENT_CA = join(PKI, 'ca.crt')

/** A kubeconfig of one component. */
export function kubeconfigOf(component: string): string {
  return join(STATE, `${component}.kubeconfig`)
}

/** @param assets the folder with the binaries */
export async function startControlPlane(assets: string): Promise<void> {
  mkdirSync(PKI, { recursive: true })
  const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']
  const certificates = await createCertificates(PKI, names, [CONTROL_IP, '10.96.0.1', '127.0.0.1'], COMPONENTS)
  for (const name of ['admin', ...Object.keys(COMPONENTS)]) writeKubeconfig(name)
  const etcd = ['--data-dir', join(STATE, 'etcd'), '--listen-client-urls', ETCD, '--advertise-client-urls', ETCD]
  new Daemon('etcd', join(assets, 'etcd'), [...etcd, '--log-level', 'error'])
  const apiserver = new Daemon('kube-apiserver', join(assets, 'kube-apiserver'), apiserverArgs(certificates))
  await apiserver.until('the API server', READY_MS, () => kubectl('get', '--raw', '/readyz'))
  const { serviceAccountKey, ca } = certificates
  new Daemon('kube-controller-manager', join(assets, 'kube-controller-manager'), [
    `--kubeconfig=${kubeconfigOf('kube-controller-manager')}`,
    '--leader-elect=false',
    '--use-service-account-credentials=true',
    `--service-account-private-key-file=${serviceAccountKey}`,
    `--root-ca-file=${ca}`,
    '--allocate-node-cidrs=true',
    `--cluster-cidr=${POD_RANGE}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--bind-address=127.0.0.1',
  ])
  new Daemon('kube-scheduler', join(assets, 'kube-scheduler'), [
    `--kubeconfig=${kubeconfigOf('kube-scheduler')}`,
    '--leader-elect=false',
    '--bind-address=127.0.0.1',
  ])
}

/** stdout of kubectl as administrator; an error for any code but 0. */
export function kubectl(...args: string[]): Promise<string> {
  return must('kubectl', args, { ...process.env, KUBECONFIG, HOME: STATE })
}

/** The same with the code as a value. */
export function tryKubectl(...args: string[]): ReturnType<typeof run> {
  return run('kubectl', args, { ...process.env, KUBECONFIG, HOME: STATE })
}

function apiserverArgs(c: Certificates): string[] {
  return [
    `--bind-address=${CONTROL_IP}`,
    `--secure-port=${PORT}`,
    `--advertise-address=${CONTROL_IP}`,
    `--etcd-servers=${ETCD}`,
    `--service-cluster-ip-range=${SERVICE_RANGE}`,
    '--authorization-mode=Node,RBAC',
    '--enable-admission-plugins=NodeRestriction',
    `--client-ca-file=${c.ca}`,
    `--tls-cert-file=${c.serverCert}`,
    `--tls-private-key-file=${c.serverKey}`,
    `--kubelet-client-certificate=${c.adminCert}`,
    `--kubelet-client-key=${c.adminKey}`,
    '--kubelet-preferred-address-types=InternalIP',
    '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
    `--service-account-key-file=${c.serviceAccountPublicKey}`,
    `--service-account-signing-key-file=${c.serviceAccountKey}`,
    '--profiling=false',
  ]
}

function writeKubeconfig(name: string): void {
  const data = (file: string): string => readFileSync(join(PKI, file)).toString('base64')
  const cluster = { server: `https://${CONTROL_IP}:${PORT}`, 'certificate-authority-data': data('ca.crt') }
  const user = { 'client-certificate-data': data(`${name}.crt`), 'client-key-data': data(`${name}.key`) }
  const config = {
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name: 'lab', cluster }],
    users: [{ name, user }],
    contexts: [{ name: 'lab', context: { cluster: 'lab', user: name } }],
    'current-context': 'lab',
  }
  writeFileSync(kubeconfigOf(name), JSON.stringify(config))
}
