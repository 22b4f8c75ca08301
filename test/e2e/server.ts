/**
 * The server under test, run as a pod runs it: its own namespaces, the Corefile at /etc/coredns, the service account's
 * files in their place, the capabilities of the Deployment and no more. Speaks to it over HTTP from outside.
 */
import { get } from 'node:http'
import { Child, type Exit } from '../harness/process.ts'
import { Metrics } from '../harness/scrape.ts'
import { eventually } from '../harness/time.ts'
import { ask } from './ask.ts'
import type { Cluster } from './cluster.ts'
import { Pod } from './netns.ts'

export const PID_FILE = '/run/sextant.pid'

export interface ServerOptions {
  binary: string
  corefile: string
  cluster: Cluster
  /** Of kube-system; its token and the cluster's CA become the files in the pod. */
  token: string
  upstream: string
  addresses?: readonly string[]
  /** False: no service account files and no KUBERNETES_SERVICE_HOST. */
  inCluster?: boolean
  /** Files below /etc by name. */
  files?: Readonly<Record<string, string>>
  /** Process 1 of a process namespace of its own, as the command of a container is. */
  first?: boolean
}

/** Started and not stopped. */
const live = new Set<Server>()

/** The last lines of every server, and an end to all but the first, which the tests share: for a test that failed. */
export async function abandonServers(): Promise<string> {
  const [shared, ...others] = live
  const tails = (others.length > 0 ? others : [shared!]).map(server => server.child.tail())
  for (const server of others) {
    await server.child.stop('SIGKILL')
    await server.stop()
  }
  return tails.join('\n')
}

export class Server {
  readonly pod: Pod
  child!: Child
  readonly #options: ServerOptions

  private constructor(pod: Pod, options: ServerOptions) {
    this.pod = pod
    this.#options = options
  }

  /** A pod with everything in place and the server started in it; does not wait until it serves. */
  static async start(name: string, options: ServerOptions): Promise<Server> {
    const resolvConf = `nameserver ${options.upstream}\n`
    const pod = await Pod.create(name, { resolvConf, addresses: options.addresses ?? [] })
    const server = new Server(pod, options)
    if (options.inCluster !== false) server.writeToken(options.token)
    for (const [path, text] of Object.entries(options.files ?? {})) pod.file(path, text)
    server.writeCorefile(options.corefile)
    server.launch()
    live.add(server)
    return server
  }

  get ip(): string {
    return this.pod.ip
  }

  /** Starts the process again after it ended. */
  launch(): void {
    const prefix = this.#options.first ? ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'] : []
    this.child = this.spawn(this.pod.name, ['-conf', '/etc/coredns/Corefile', '-pidfile', PID_FILE], prefix)
  }

  /**
   * A process in this pod, with the rights of the Deployment's securityContext. `prefix` is a command that runs it.
   * Its environment is that of a container: nothing of whoever runs the suite.
   */
  spawn(name: string, args: readonly string[], prefix: readonly string[] = []): Child {
    const { binary, cluster, inCluster = true } = this.#options
    const rights = ['--no-new-privs', '--bounding-set=-all,+net_bind_service', '--inh-caps=-all', binary, ...args]
    const env = { PATH: process.env.PATH }
    const service = { KUBERNETES_SERVICE_HOST: cluster.host, KUBERNETES_SERVICE_PORT: String(cluster.port) }
    const [command, ...rest] = [...prefix, 'setpriv', ...rights]
    return new Child(name, ...this.pod.enter(command!, rest), inCluster ? { ...env, ...service } : env)
  }

  writeToken(token: string): void {
    this.pod.volume('secrets', { token, 'ca.crt': this.#options.cluster.ca, namespace: 'kube-system' })
  }

  writeCorefile(corefile: string): void {
    this.pod.volume('coredns', { Corefile: corefile })
  }

  /** Ready, and answering questions: CoreDNS opens its DNS sockets after it says that it is ready. */
  async ready(ms = 30_000): Promise<void> {
    const ended = this.child.exited.then(exit => {
      throw new Error(`${this.pod.name} ended: ${JSON.stringify(exit)}\n${this.child.tail(30)}`)
    })
    const ready = eventually(
      ms,
      `${this.pod.name} being ready`,
      async () => {
        if (this.child.exit) return
        const { status, body } = await this.http(8181, '/ready')
        if (status !== 200) throw new Error(`/ready says ${status} "${body}"`)
        await ask(this.ip, 'dns-version.cluster.local', 'TXT', 500)
      },
      20,
    )
    await Promise.race([ready, ended])
    ended.catch(() => undefined)
  }

  http(port: number, path: string): Promise<{ status: number; body: string }> {
    return new Promise((resolve, reject) => {
      const req = get({ host: this.ip, port, path, timeout: 3000, agent: false }, res => {
        let body = ''
        res.setEncoding('utf8')
        res.on('data', text => {
          body += text
        })
        res.on('end', () => resolve({ status: res.statusCode ?? 0, body }))
      })
      req.on('timeout', () => req.destroy(new Error(`${this.ip}:${port}${path}: no answer in 3 s`)))
      req.on('error', reject)
    })
  }

  async metrics(): Promise<Metrics> {
    const { status, body } = await this.http(9153, '/metrics')
    if (status !== 200) throw new Error(`/metrics says ${status}`)
    return new Metrics(body)
  }

  async stop(): Promise<Exit> {
    const exit = await this.child.stop('SIGKILL')
    await this.pod.remove()
    live.delete(this)
    return exit
  }
}
