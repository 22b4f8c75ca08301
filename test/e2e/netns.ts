/**
 * Pods as Linux sees them: a network and mount namespace each, with an /etc and /run of their own, joined by veth pairs
 * to one bridge in the suite's namespace. A namespace lives as long as its holder process. Needs the namespaces that
 * run.ts made; nothing here is visible outside them.
 */
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { Child, must, type Output, run } from '../harness/process.ts'

export const BRIDGE_IP = '10.244.0.1'
export const BRIDGE_IP6 = 'fd00:10:244::1'
/** The address the API server has in the cluster: service `kubernetes`, the first of the service range. */
export const KUBERNETES_SERVICE_IP = '10.96.0.1'
/** Everything the suite writes; a tmpfs of its own mount namespace, so it goes when the suite goes. */
export const WORK_DIR = '/run/sextant-e2e'
const SERVICE_ACCOUNT_DIR = '/run/secrets/kubernetes.io/serviceaccount'
const ETC_FILES = ['passwd', 'group', 'nsswitch.conf', 'ld.so.cache', 'ld.so.conf', 'ld.so.conf.d']

const holders = new Map<string, Pod>()
let lastHost = 1

export async function createBridge(): Promise<void> {
  mkdirSync(WORK_DIR, { recursive: true })
  // A fixed address: a bridge takes that of its lowest port otherwise, and pods would write to the one before.
  await must('ip', ['link', 'add', 'br0', 'address', '02:00:00:00:00:01', 'type', 'bridge'])
  await must('ip', ['addr', 'add', `${BRIDGE_IP}/16`, 'dev', 'br0'])
  await must('ip', ['addr', 'add', `${KUBERNETES_SERVICE_IP}/32`, 'dev', 'br0'])
  if (hasIPv6()) await must('ip', ['addr', 'add', `${BRIDGE_IP6}/64`, 'dev', 'br0', 'nodad'])
  await must('ip', ['link', 'set', 'br0', 'up'])
}

export function hasIPv6(): boolean {
  return existsSync('/proc/net/if_inet6')
}

export interface PodOptions {
  /** /etc/resolv.conf */
  resolvConf: string
  /** Further addresses of its eth0, such as the service address that kube-proxy would lead here. */
  addresses?: readonly string[]
  /** In the network of the node, which is the suite's own. */
  hostNetwork?: boolean
}

export class Pod {
  readonly name: string
  readonly ip: string
  readonly ip6: string
  /** Its /etc, as the suite sees and edits it. */
  readonly etc: string
  readonly #dir: string
  readonly #link: string
  #holder!: Child

  private constructor(name: string) {
    if (holders.has(name)) throw new Error(`two pods are named "${name}"`)
    const host = ++lastHost
    this.name = name
    this.ip = `10.244.0.${host}`
    this.ip6 = `fd00:10:244::${host.toString(16)}`
    this.#link = `pod${host}`
    this.#dir = join(WORK_DIR, 'pods', name)
    this.etc = join(this.#dir, 'etc')
  }

  static async create(name: string, options: PodOptions): Promise<Pod> {
    const pod = new Pod(name)
    holders.set(name, pod)
    pod.#fillEtc(options.resolvConf)
    // /etc and the service account are mounts over the image, which is read-only as in the Deployment; /run is writable.
    const mounts = [
      'mount --bind -o ro "$1/etc" /etc',
      'mount --bind "$1/secrets" /mnt',
      'mount -t tmpfs none /run',
      `mkdir -p ${SERVICE_ACCOUNT_DIR}`,
      `mount --move /mnt ${SERVICE_ACCOUNT_DIR}`,
      'mount -o remount,bind,ro /',
    ]
    const script = `set -e; ${mounts.join('; ')}; echo ready; exec sleep infinity`
    const namespaces = options.hostNetwork ? ['--mount'] : ['--net', '--mount']
    pod.#holder = new Child(`pod-${name}`, 'unshare', [...namespaces, '--', 'sh', '-c', script, 'pod', pod.#dir])
    await pod.#holder.line(/^ready$/, 10_000)
    if (!options.hostNetwork) await pod.#connect(options.addresses ?? [])
    return pod
  }

  #fillEtc(resolvConf: string): void {
    mkdirSync(join(this.etc, 'coredns'), { recursive: true })
    mkdirSync(join(this.#dir, 'secrets'), { recursive: true })
    for (const name of ETC_FILES) {
      if (existsSync(join('/etc', name))) {
        cpSync(join('/etc', name), join(this.etc, name), { recursive: true, verbatimSymlinks: true })
      }
    }
    writeFileSync(join(this.etc, 'hosts'), `127.0.0.1 localhost\n::1 localhost\n${this.ip} ${this.name}\n`)
    writeFileSync(join(this.etc, 'resolv.conf'), resolvConf)
  }

  async #connect(addresses: readonly string[]): Promise<void> {
    const peer = ['peer', 'name', 'eth0', 'netns', String(this.#holder.pid)]
    await must('ip', ['link', 'add', this.#link, 'type', 'veth', ...peer])
    await must('ip', ['link', 'set', this.#link, 'master', 'br0', 'up'])
    const commands = ['link set lo up', `addr add ${this.ip}/16 dev eth0`]
    if (hasIPv6()) commands.push(`addr add ${this.ip6}/64 dev eth0 nodad`)
    for (const address of addresses) commands.push(`addr add ${address}/32 dev eth0`)
    commands.push('link set eth0 up', `route add default via ${BRIDGE_IP}`)
    for (const command of commands) await this.must('ip', command.split(' '))
  }

  /** The command line that runs `command` inside; it replaces itself, so the pid is that of the command. */
  enter(command: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', ['--target', String(this.#holder.pid), '--net', '--mount', '--', command, ...args]]
  }

  run(command: string, args: readonly string[], env = process.env): Promise<Output> {
    return run(...this.enter(command, args), env)
  }

  must(command: string, args: readonly string[], env = process.env): Promise<string> {
    return must(...this.enter(command, args), env)
  }

  /** Writes files as kubelet writes a ConfigMap or Secret volume: a new folder, then one swap of the link `..data`. */
  volume(at: 'coredns' | 'secrets', files: Record<string, string>): void {
    writeVolume(at === 'secrets' ? join(this.#dir, 'secrets') : join(this.etc, 'coredns'), files)
  }

  /** A plain file below its /etc. */
  file(path: string, text: string): void {
    mkdirSync(dirname(join(this.etc, path)), { recursive: true })
    writeFileSync(join(this.etc, path), text)
  }

  async remove(): Promise<void> {
    await this.#holder.stop('SIGKILL')
    holders.delete(this.name)
    rmSync(this.#dir, { recursive: true, force: true })
  }
}

let generation = 0

function writeVolume(dir: string, files: Record<string, string>): void {
  const folder = `..${++generation}`
  mkdirSync(join(dir, folder), { recursive: true })
  for (const [name, text] of Object.entries(files)) {
    writeFileSync(join(dir, folder, name), text)
    if (!existsSync(join(dir, name))) symlinkSync(join('..data', name), join(dir, name))
  }
  symlinkSync(folder, join(dir, '..data_tmp'))
  renameSync(join(dir, '..data_tmp'), join(dir, '..data'))
}

/** resolv.conf as kubelet writes it for a pod of namespace `namespace` with dnsPolicy ClusterFirst. */
export function clusterFirst(nameserver: string, namespace = 'default'): string {
  return `search ${namespace}.svc.cluster.local svc.cluster.local cluster.local\nnameserver ${nameserver}\noptions ndots:5\n`
}
