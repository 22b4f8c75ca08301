/**
 * What all tests share: one cluster, one name server outside, one pod that asks, one server under test with exactly the
 * rights of k8s/. Made once before the first test.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Child } from '../harness/process.ts'
import { delay, eventually } from '../harness/time.ts'
import { ask } from './ask.ts'
import { Cluster } from './cluster.ts'
import { clusterFirst, Pod } from './netns.ts'
import { type Endpoint, namespace, service, slice } from './objects.ts'
import { Server } from './server.ts'

/** What run.ts found on this machine; absent: not there. */
export interface Machine {
  binary: string
  version: string
  isCoreDNS: boolean
  apiserver: string
  etcd: string
  oldEtcd: string | undefined
  kubectl: string
}

export interface World extends Machine {
  cluster: Cluster
  upstream: Upstream
  /** A pod of namespace `default`, with the resolv.conf that kubelet writes. */
  client: Pod
  /** Runs under the stock Corefile; also has the address of service kube-dns. */
  server: Server
  /** Of service account kube-system/coredns. */
  token: string
}

/** Service kube-dns, as kubeadm sets it. */
export const DNS_IP = '10.96.0.10'
export const ROOT = join(import.meta.dirname, '../..')
export const STOCK_COREFILE = readFileSync(join(import.meta.dirname, 'fixtures/kubeadm.Corefile'), 'utf8')

/** `disable success` and `disable denial` gone: the Corefile of kube-up and of clusters before kubeadm 1.33. */
export const PLAIN_CACHE_COREFILE = STOCK_COREFILE.replace(/cache 30 \{[^}]*\}/, 'cache 30')

export const HEADLESS: readonly Endpoint[] = [
  { ip: '10.244.2.5' },
  { ip: '10.244.2.6' },
  { ip: '10.244.2.7', ready: false },
]
export const PEERS: readonly Endpoint[] = [
  { ip: '10.244.3.5', hostname: 'peer-0' },
  { ip: '10.244.3.6', hostname: 'peer-1' },
]
/** Service default/web. */
export const WEB = 'web.default.svc.cluster.local'
export const WEB_IP = '10.96.10.1'
export const API_IP = '10.96.10.2'

export class Upstream {
  readonly pod: Pod
  readonly #child: Child

  private constructor(pod: Pod, child: Child) {
    this.pod = pod
    this.#child = child
  }

  static async start(): Promise<Upstream> {
    const pod = await Pod.create('upstream', { resolvConf: 'nameserver 127.0.0.1\n' })
    const script = join(import.meta.dirname, 'upstream.ts')
    const child = new Child('upstream', ...pod.enter(process.execPath, [script, pod.ip]), { PATH: process.env.PATH })
    await child.line(/^listening$/, 10_000)
    return new Upstream(pod, child)
  }

  /** How often the name was asked so far, by transport. */
  asked(name: string): { udp: number; tcp: number } {
    const count = { udp: 0, tcp: 0 }
    for (const line of this.#child.lines) {
      if (!line.startsWith('{')) continue
      const asked = JSON.parse(line) as { transport: 'udp' | 'tcp'; name: string }
      if (asked.name.toLowerCase() === name) count[asked.transport]++
    }
    return count
  }
}

let current: World | undefined

export function world(): World {
  if (!current) throw new Error('the world was not made yet')
  return current
}

export async function createWorld(machine: Machine): Promise<World> {
  const { apiserver, etcd, kubectl } = machine
  const cluster = new Cluster({ name: 'main', apiserver, etcd, kubectl, port: 443, etcdPort: 2379 })
  const upstream = await Upstream.start()
  await cluster.start()
  await cluster.kubectl('apply', '-k', join(ROOT, 'k8s'))
  const token = await cluster.api.token('kube-system', 'coredns')
  await createObjects(cluster)
  const client = await Pod.create('client', { resolvConf: clusterFirst(DNS_IP) })
  const options = { corefile: STOCK_COREFILE, cluster, token, upstream: upstream.pod.ip, addresses: [DNS_IP] }
  const server = await Server.start('dns', { binary: machine.binary, ...options })
  await client.must('ip', ['route', 'add', `${DNS_IP}/32`, 'dev', 'eth0'])
  current = { ...machine, cluster, upstream, client, server, token }
  await server.ready()
  return current
}

/** Another server in a pod of its own, ready; differs from the shared one in `options`. */
export async function startServer(
  name: string,
  options: Partial<Parameters<typeof Server.start>[1]> = {},
): Promise<Server> {
  const { binary, cluster, token, upstream } = world()
  const defaults = { binary, corefile: STOCK_COREFILE, cluster, token, upstream: upstream.pod.ip }
  return Server.start(name, { ...defaults, ...options })
}

async function createObjects({ api }: Cluster): Promise<void> {
  const headless = { clusterIP: 'None' }
  await api.create(namespace('other'))
  const objects = [
    service('default', 'web', { clusterIP: WEB_IP }),
    slice('default', 'web', [{ ip: '10.244.1.5' }]),
    service('other', 'api', { clusterIP: API_IP }),
    service('default', 'headless', headless),
    slice('default', 'headless', HEADLESS),
    service('default', 'peers', headless),
    slice('default', 'peers', PEERS),
    service('default', 'outside', { type: 'ExternalName', externalName: 'target.example.test', ports: [] }),
  ]
  await Promise.all(objects.map(object => api.create(object)))
}

/** Waits until `ip` answers the name with exactly these data, in any order, or with this rcode; time in ms. */
export function seen(
  ip: string,
  name: string,
  type: 'A' | 'AAAA' | 'PTR',
  want: readonly string[] | string,
  ms: number,
): Promise<number> {
  const wanted = typeof want === 'string' ? want : [...want].sort().join(' ')
  return eventually(ms, `${name} ${type} @${ip} being ${wanted}`, async () => {
    const { rcode, data } = await ask(ip, name, type)
    const got = typeof want === 'string' ? rcode : data.sort().join(' ')
    if (got !== wanted) throw new Error(`it is ${rcode} ${data.join(' ')}`)
  })
}

/** Asks every 5 ms until `until` is done; resolves to the answers that were wrong or missing. */
export async function askThroughout(
  server: Server,
  until: Promise<unknown>,
): Promise<{ asked: number; wrong: string[] }> {
  let over = false
  until.then(
    () => {
      over = true
    },
    () => {
      over = true
    },
  )
  const wrong: string[] = []
  const questions: Promise<void>[] = []
  while (!over) {
    const question = ask(server.ip, WEB, 'A', 3000).then(
      ({ data }) => void (data[0] === WEB_IP || wrong.push(data.join())),
      error => void wrong.push(String(error)),
    )
    questions.push(question)
    await delay(5)
  }
  await Promise.all(questions)
  return { asked: questions.length, wrong }
}
