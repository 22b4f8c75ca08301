/**
 * A node of a cluster, as its network is: namespaces behind bridges, which veth pairs lead to.
 *
 * ```
 * pod  10.1.0.2, fd00:1::2 ─┬─ node 10.1.0.1, fd00:1::1 ──── other 10.2.0.2, fd00:2::2: an endpoint of the Service elsewhere
 * near 10.1.0.3, fd00:1::3 ─┘  node-local server and watcher; kube-proxy's part: the Service's address becomes an endpoint's
 * ```
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Child, must, type Output, run } from '../../harness/process.ts'
import { delay, eventually } from '../../harness/time.ts'
import type { ClientOptions, Lookups } from './client.ts'

const ROOT = join(import.meta.dirname, '../../..')
const STARTED_MS = 10_000

export const LOCAL = '169.254.20.10'
export const LOCAL6 = 'fd00::10'
export const SERVICE = '10.96.0.10'
export const SERVICE6 = 'fd00:96::10'
/** Who answers: the node's server, or an endpoint of the Service, elsewhere or on the node itself. */
export const BY_LOCAL = '192.0.2.1'
export const BY_SERVICE = '192.0.2.2'
export const BY_NEAR = '192.0.2.3'

/** How the manifest starts it: this needs the least memory. */
const WATCHER_FLAGS = ['--jitless', '--max-semi-space-size=1', '--v8-pool-size=0']
const BUNDLE = join(ROOT, 'dist/node-local.cjs')

/** What kube-proxy does for the Service: in mode iptables and nftables alike, it translates in these two hooks. */
const kubeProxy = ([endpoint, endpoint6]: Endpoint) => `
add table inet kube-proxy-stand-in
delete table inet kube-proxy-stand-in
table inet kube-proxy-stand-in {
  chain services {
    meta l4proto { tcp, udp } th dport 53 ip daddr ${SERVICE} dnat ip to ${endpoint}
    meta l4proto { tcp, udp } th dport 53 ip6 daddr ${SERVICE6} dnat ip6 to ${endpoint6}
  }
  chain prerouting { type nat hook prerouting priority -100; jump services; }
  chain output { type nat hook output priority -100; jump services; }
}
`

const corefile = (addresses: string) => `. {
  bind ${addresses.replaceAll(',', ' ')}
  hosts {
    ${BY_LOCAL} who.test
  }
  health 127.0.0.1:8080 {
    lameduck 1s
  }
}
`

/** Its addresses of both families. */
type Endpoint = readonly [string, string]
const OTHER: Endpoint = ['10.2.0.2', 'fd00:2::2']
export const NEAR: Endpoint = ['10.1.0.3', 'fd00:1::3']

export class Node {
  readonly folder = mkdtempSync(join(tmpdir(), 'sextant-node-'))
  readonly socket = join(this.folder, 'watcher.sock')
  readonly #holders: Child[] = []
  readonly #children: Child[] = []
  #addresses: string
  node!: Child
  pod!: Child

  /** @param addresses of SEXTANT_NODE_ADDRESSES */
  private constructor(addresses: string) {
    this.#addresses = addresses
  }

  static async create(addresses = `${LOCAL},${LOCAL6}`): Promise<Node> {
    const made = new Node(addresses)
    made.node = await made.#hold('node')
    made.pod = await made.#hold('pod')
    const near = await made.#hold('near')
    const other = await made.#hold('other')
    for (const n of [1, 2]) await made.#bridge(n)
    await made.#join(made.pod, 1, 2)
    await made.#join(near, 1, 3)
    await made.#join(other, 2, 2)
    // Who sends to a Service needs a route, also where its address is translated: before, one is looked for.
    await made.in(made.node, 'ip', ['route', 'add', 'default', 'via', '10.2.0.2'])
    await made.in(made.node, 'ip', ['-6', 'route', 'add', 'default', 'via', 'fd00:2::2'])
    // The last one, as strict as some distributions are: a source is to be where the packet came from.
    for (const name of ['ipv4.ip_forward', 'ipv6.conf.all.forwarding', 'ipv4.conf.all.rp_filter']) {
      await made.in(made.node, 'sh', ['-c', `echo 1 > /proc/sys/net/${name.replaceAll('.', '/')}`])
    }
    await made.lead(OTHER)
    await made.#answer(BY_SERVICE, OTHER, other)
    await made.#answer(BY_NEAR, NEAR, near)
    return made
  }

  /** The Service has this endpoint from now on. */
  async lead(to: Endpoint): Promise<void> {
    await this.in(this.node, 'sh', ['-c', `printf '%s' '${kubeProxy(to)}' | nft -f -`])
  }

  async #hold(name: string): Promise<Child> {
    const holder = new Child(`${name}-holder`, 'unshare', [
      '--net',
      '--',
      'sh',
      '-c',
      'echo ready; exec sleep infinity',
    ])
    this.#holders.push(holder)
    await holder.line(/^ready$/, STARTED_MS)
    // An address is good at once: looking for others that have it takes IPv6 a second.
    await this.in(holder, 'sh', ['-c', 'echo 0 > /proc/sys/net/ipv6/conf/default/accept_dad'])
    await this.in(holder, 'ip', ['link', 'set', 'lo', 'up'])
    return holder
  }

  /** The bridge of network 10.N.0.0/24 and fd00:N::/64. A fixed address: it takes that of a port otherwise, and another later. */
  async #bridge(n: number): Promise<void> {
    for (const command of [
      `link add br${n} address 02:00:00:00:00:0${n} type bridge`,
      `addr add 10.${n}.0.1/24 dev br${n}`,
      `addr add fd00:${n}::1/64 dev br${n} nodad`,
      `link set br${n} up`,
    ]) {
      await this.in(this.node, 'ip', command.split(' '))
    }
  }

  /** `holder` becomes host `host` of network `n`. */
  async #join(holder: Child, n: number, host: number): Promise<void> {
    const port = `veth${n}-${host}`
    const near = [
      `link add ${port} type veth peer name eth0 netns /proc/${holder.pid}/ns/net`,
      `link set ${port} master br${n} up`,
    ]
    const far = [
      `addr add 10.${n}.0.${host}/24 dev eth0`,
      `addr add fd00:${n}::${host}/64 dev eth0 nodad`,
      'link set eth0 up',
      `route add default via 10.${n}.0.1`,
      `-6 route add default via fd00:${n}::1`,
    ]
    for (const command of near) await this.in(this.node, 'ip', command.split(' '))
    for (const command of far) await this.in(holder, 'ip', command.split(' '))
  }

  /** The command line that runs `command` in a namespace; it becomes the command. */
  #enter(holder: Child, command: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', [`--net=/proc/${holder.pid}/ns/net`, '--', command, ...args]]
  }

  /** Runs a command to its end there; another code than 0 is an error. */
  in(holder: Child, command: string, args: readonly string[]): Promise<string> {
    return must(...this.#enter(holder, command, args))
  }

  #start(holder: Child, name: string, command: string, args: readonly string[], env?: NodeJS.ProcessEnv): Child {
    const child = new Child(name, ...this.#enter(holder, command, args), env)
    this.#children.push(child)
    return child
  }

  /** An endpoint of the Service, which answers with `mark`. */
  async #answer(mark: string, addresses: Endpoint, holder: Child): Promise<void> {
    const args = [join(import.meta.dirname, 'server.ts'), mark, addresses.join()]
    const child = this.#start(holder, `endpoint-${mark}`, process.execPath, args)
    await child.line(/^listening$/, STARTED_MS)
  }

  /** The node's own server, as its container runs it: it answers with `BY_LOCAL`, and tells the watcher. */
  async serve(socket = this.socket): Promise<Child> {
    const file = join(this.folder, 'Corefile')
    writeFileSync(file, corefile(this.#addresses))
    const environment = { ...process.env, SEXTANT_SHARE_ADDRESSES: '1', SEXTANT_WATCHER: socket }
    const child = this.#start(this.node, 'sextant', join(ROOT, 'bin/sextant'), ['-conf', file], environment)
    await child.line(/^Sextant-/, STARTED_MS)
    return child
  }

  environment(socket = this.socket): NodeJS.ProcessEnv {
    return {
      SEXTANT_WATCHER: socket,
      SEXTANT_NODE_ADDRESSES: this.#addresses,
      SEXTANT_NODE_FALLBACK: `${SERVICE},${SERVICE6}`,
    }
  }

  /** A command of the node-local role, run to its end. `wrapper` runs it. */
  role(command: string, wrapper: readonly string[] = [], socket = this.socket, more = {}): Promise<Output> {
    const [first, ...rest] = [...wrapper, process.execPath, BUNDLE, command]
    return run(...this.#enter(this.node, first!, rest), { ...this.environment(socket), ...more })
  }

  async watch(socket = this.socket, wrapper: readonly string[] = []): Promise<Child> {
    const [first, ...args] = [...wrapper, process.execPath, ...WATCHER_FLAGS, BUNDLE, 'watch']
    const child = this.#start(this.node, 'watcher', first!, args, {
      ...this.environment(socket),
      MALLOC_ARENA_MAX: '1',
    })
    await child.line(/watching/, STARTED_MS)
    return child
  }

  /** Waits until this probe says yes. */
  async ready(socket = this.socket): Promise<void> {
    await eventually(STARTED_MS, 'the server being ready', async () => {
      const { code, stderr } = await this.role('ready', [], socket)
      if (code !== 0) throw new Error(stderr)
    })
  }

  /** Asks from `from` until it is done; `during` happens meanwhile, once the first are answered. */
  async ask(from: Child, options: ClientOptions, during?: () => Promise<void>): Promise<Lookups> {
    const args = [join(import.meta.dirname, 'client.ts'), JSON.stringify(options)]
    const child = this.#start(from, 'client', process.execPath, args)
    await child.line(/^asking$/, STARTED_MS)
    if (during !== undefined) {
      await delay(300)
      await during()
    }
    return JSON.parse(await child.line(/^\{/, options.forMs + 30_000)) as Lookups
  }

  /** Who answers one look-up. */
  async who(from: Child, server: string, over: 'udp' | 'tcp' = 'udp'): Promise<string> {
    const { by } = await this.ask(from, { server, over, everyMs: 1, forMs: 1, timeoutMs: 1000 })
    return Object.keys(by).join() || 'nobody'
  }

  /** The last lines of all that runs, for a test that failed. */
  tail(): string {
    return this.#children.map(child => child.tail(8)).join('\n')
  }

  async end(): Promise<void> {
    for (const child of [...this.#children, ...this.#holders]) await child.stop('SIGKILL')
    rmSync(this.folder, { recursive: true, force: true })
  }
}
