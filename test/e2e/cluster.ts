/**
 * A control plane of kube-apiserver and etcd on loopback and the suite's bridge, with RBAC and service account tokens.
 * No controller manager, no scheduler, no kubelet: the tests are those.
 */
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child, must } from '../harness/process.ts'
import { eventually } from '../harness/time.ts'
import { ApiClient, type Endpoint } from './api-client.ts'
import { type Certificates, createCertificates, read } from './certificates.ts'
import { BRIDGE_IP, hasIPv6, KUBERNETES_SERVICE_IP, WORK_DIR } from './netns.ts'

export interface ClusterOptions {
  name: string
  apiserver: string
  etcd: string
  kubectl: string
  /** Where pods reach the API server. The suite's namespace is its own, so any port is free. */
  port: number
  etcdPort: number
  /** Watches end after once to twice this time; 30 to 60 minutes if absent. */
  watchS?: number
}

const READY_MS = 90_000

export class Cluster {
  readonly options: ClusterOptions
  readonly host = KUBERNETES_SERVICE_IP
  readonly kubeconfig: string
  #dir: string
  #certificates!: Certificates
  #etcd: Child | undefined
  #apiserver: Child | undefined
  #api: ApiClient | undefined

  constructor(options: ClusterOptions) {
    this.options = options
    this.#dir = join(WORK_DIR, 'clusters', options.name)
    this.kubeconfig = join(this.#dir, 'kubeconfig')
  }

  get port(): number {
    return this.options.port
  }

  get api(): ApiClient {
    if (!this.#api) throw new Error(`cluster ${this.options.name} was not started`)
    return this.#api
  }

  get ca(): string {
    return read(this.#certificates.ca)
  }

  /** Keys and kubeconfig only, so that a pod can be made for a cluster that is not up. */
  async prepare(): Promise<void> {
    mkdirSync(this.#dir, { recursive: true })
    const names = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', 'kubernetes.default.svc.cluster.local']
    const ips = [this.host, BRIDGE_IP, '127.0.0.1']
    this.#certificates = await createCertificates(join(this.#dir, 'pki'), names, ips)
    this.#api = new ApiClient(this.#endpoint())
    this.#writeKubeconfig()
  }

  async start(): Promise<void> {
    if (!this.#api) await this.prepare()
    await this.#startEtcd()
    await this.startApiserver()
  }

  async stop(): Promise<void> {
    this.#api?.close()
    await this.stopApiserver()
    await this.#etcd?.stop('SIGKILL')
  }

  async startApiserver(): Promise<void> {
    this.#apiserver = new Child(`apiserver-${this.options.name}`, this.options.apiserver, this.#apiserverArgs())
    await eventually(READY_MS, 'the API server being ready', () => this.#probe(), 50)
  }

  /** Work on the same etcd through another API server, on a port that no server under test knows. */
  async behind(work: (api: ApiClient) => Promise<void>): Promise<void> {
    const port = this.options.port + 10_000
    const apiserver = new Child(
      `apiserver-${this.options.name}-behind`,
      this.options.apiserver,
      this.#apiserverArgs(port),
    )
    const api = new ApiClient({ ...this.#endpoint(), port })
    try {
      await eventually(
        READY_MS,
        'the other API server being ready',
        async () => void (await api.call('GET', '/readyz')),
        50,
      )
      await work(api)
    } finally {
      api.close()
      await apiserver.stop('SIGKILL')
    }
  }

  /** SIGKILL: after SIGTERM it lingers for up to a minute while watches are open. */
  async stopApiserver(): Promise<void> {
    await this.#apiserver?.stop('SIGKILL')
  }

  /** stdout of kubectl as administrator. */
  kubectl(...args: string[]): Promise<string> {
    const env = { ...process.env, KUBECONFIG: this.kubeconfig, HOME: this.#dir }
    return must(this.options.kubectl, args, env)
  }

  /** PEM texts of the CA and of the administrator's client certificate. */
  get credentials(): { ca: string; cert: string; key: string } {
    const { ca, adminCert, adminKey } = this.#certificates
    return { ca: read(ca), cert: read(adminCert), key: read(adminKey) }
  }

  tail(): string {
    return this.#apiserver?.tail(5) ?? ''
  }

  async #probe(): Promise<void> {
    if (this.#apiserver?.exit) throw new Error(`kube-apiserver ended\n${this.#apiserver.tail(30)}`)
    await this.api.call('GET', '/readyz')
    // Created by the API server itself some moments after it is ready.
    await this.api.call('GET', '/api/v1/namespaces/default/services/kubernetes')
    await this.api.call('GET', '/api/v1/namespaces/kube-system')
  }

  async #startEtcd(): Promise<void> {
    const { etcd, etcdPort, name } = this.options
    const client = `http://127.0.0.1:${etcdPort}`
    const peer = `http://127.0.0.1:${etcdPort + 1}`
    const urls = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer]
    const cluster = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `default=${peer}`]
    const args = ['--data-dir', join(this.#dir, 'etcd'), ...urls, ...cluster, '--log-level', 'warn']
    this.#etcd = new Child(`etcd-${name}`, etcd, args)
    await eventually(
      READY_MS,
      'etcd being healthy',
      async () => {
        if (this.#etcd!.exit) throw new Error(`etcd ended\n${this.#etcd!.tail()}`)
        const response = await fetch(`${client}/health`)
        const { health } = (await response.json()) as { health: string }
        if (health !== 'true') throw new Error(`etcd health is "${health}"`)
      },
      50,
    )
  }

  #apiserverArgs(port = this.options.port): string[] {
    const c = this.#certificates
    return [
      '--bind-address=0.0.0.0',
      `--secure-port=${port}`,
      `--advertise-address=${BRIDGE_IP}`,
      `--etcd-servers=http://127.0.0.1:${this.options.etcdPort}`,
      `--service-cluster-ip-range=10.96.0.0/12${hasIPv6() ? ',fd00:10:96::/112' : ''}`,
      '--authorization-mode=RBAC',
      `--client-ca-file=${c.ca}`,
      `--tls-cert-file=${c.serverCert}`,
      `--tls-private-key-file=${c.serverKey}`,
      '--service-account-issuer=https://kubernetes.default.svc.cluster.local',
      `--service-account-key-file=${c.serviceAccountPublicKey}`,
      `--service-account-signing-key-file=${c.serviceAccountKey}`,
      // Pods of the tests name no service account, and there is no controller to make the default one.
      '--disable-admission-plugins=ServiceAccount',
      '--endpoint-reconciler-type=lease',
      ...(this.options.watchS ? [`--min-request-timeout=${this.options.watchS}`] : []),
      '--profiling=false',
    ]
  }

  #endpoint(): Endpoint {
    return { host: this.host, port: this.options.port, ...this.credentials }
  }

  #writeKubeconfig(): void {
    const c = this.#certificates
    const server = `https://${this.host}:${this.options.port}`
    const config = {
      apiVersion: 'v1',
      kind: 'Config',
      clusters: [{ name: 'e2e', cluster: { server, 'certificate-authority': c.ca } }],
      users: [{ name: 'admin', user: { 'client-certificate': c.adminCert, 'client-key': c.adminKey } }],
      contexts: [{ name: 'e2e', context: { cluster: 'e2e', user: 'admin' } }],
      'current-context': 'e2e',
    }
    writeFileSync(this.kubeconfig, JSON.stringify(config))
  }
}
