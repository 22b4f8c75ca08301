/**
 * One node: a network namespace of network.ts, and in it a mount namespace with an /etc, /run, /var/lib and /var/log of its own,
 * so that containerd, kubelet and kube-proxy find and leave everything where they do on a machine.
 */
import { deepEqual } from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../harness/process.ts'
import { delay, eventually } from '../harness/time.ts'
import { show } from './administrator.ts'
import { CLIENT_CA, kubeconfigOf, kubectl } from './control-plane.ts'
import { Daemon, pidOf, startAgain, stopDaemon } from './daemon.ts'
import { containerdConfig, kubeletConfig, kubeProxyConfig } from './node-config.ts'
import { IMAGES, NODES, STATE, UPSTREAM_IP } from './place.ts'
import { lines } from './pods.ts'

/** Of the machine's /etc: what commands need to run. */
const ETC = [
  'alternatives',
  'group',
  'ld.so.cache',
  'ld.so.conf',
  'ld.so.conf.d',
  'nsswitch.conf',
  'passwd',
  'protocols',
  'services',
  'ssl',
]
const KUBELET_CONFIG = 'etc/kubernetes/kubelet.json'
/** What decides how the node's pods find each other, and their name server. */
const SHOWN = /^etc\/(?:resolv\.conf|cni|containerd|kubernetes)/
const CNI_BINARIES = ['/usr/lib/cni', '/opt/cni/bin']
/**
 * kubelet sets these for the whole machine where they differ. In the node's mount namespace files with its values lie over
 * them, so that it finds nothing to set.
 */
const KERNEL_TUNABLES: Readonly<Record<string, number>> = {
  'vm/overcommit_memory': 1,
  'vm/panic_on_oom': 0,
  'kernel/panic': 10,
  'kernel/panic_on_oops': 1,
  'kernel/keys/root_maxkeys': 1_000_000,
  'kernel/keys/root_maxbytes': 25_000_000,
}

/** What `read` says of rules, once kube-proxy, which is at most a second behind, has nothing to do for two. */
export async function onceTheyStay<T>(read: () => Promise<T>): Promise<T> {
  let rules = await read()
  await eventually(30_000, 'rules that stay', async () => {
    const before = await read()
    await delay(2000)
    rules = await read()
    deepEqual(rules, before)
  })
  return rules
}

/** The folder with the CNI plugins; undefined where there is none. */
export function cniBinaries(): string | undefined {
  return CNI_BINARIES.find(dir => existsSync(join(dir, 'bridge')) && existsSync(join(dir, 'host-local')))
}

/** Any process of the lab may have one of each node: what it does goes by the daemons' names. */
export class Node {
  readonly name: string
  readonly ip: string
  readonly #dir: string

  constructor(name: string, ip: string) {
    this.name = name
    this.ip = ip
    this.#dir = join(STATE, 'nodes', name)
  }

  /** Its namespaces and containerd, with all images of IMAGES. `assets`: the folder with kubelet and kube-proxy. */
  async startRuntime(assets: string): Promise<void> {
    this.#writeFiles()
    const covers = Object.keys(KERNEL_TUNABLES)
      .filter(path => existsSync(join('/proc/sys', path)))
      .map(path => `mount --bind "$1/tunables/${path.replaceAll('/', '.')}" /proc/sys/${path}`)
    const own = ['etc', 'var/lib', 'var/log', 'tmp'].map(path => `mount --bind "$1/${path}" /${path}`)
    // Last: the tmpfs on /run covers the state folder.
    const shared = [`mount --bind ${IMAGES} /mnt`, 'mount --bind "$2" /srv']
    const mounts = [...covers, ...shared, ...own, 'mount -t tmpfs none /run']
    const script = `set -e; ${mounts.join('; ')}; hostname ${this.name}; mkdir /run/lock; exec sleep infinity`
    const unshare = ['unshare', '--mount', '--uts', '--', 'sh', '-c', script, this.name, this.#dir, assets]
    const holder = new Daemon(this.name, 'nsenter', [`--net=/run/netns/${this.name}`, ...unshare])
    await holder.until(`${this.name}'s mounts`, 10_000, () => this.must('test', ['-d', '/run/lock']))
    const containerd = this.daemon('containerd', 'containerd', ['--config', '/etc/containerd/config.toml'])
    await containerd.until(`containerd of ${this.name}`, 30_000, () => this.must('ctr', ['version']))
    await this.must('sh', ['-c', 'for image in /mnt/*.tar; do ctr -n k8s.io image import "$image"; done'])
  }

  /** kubelet and kube-proxy. Resolves to the pod CIDR that the controller manager gave the node. */
  async startKubelet(): Promise<string> {
    const kubelet = this.daemon('kubelet', '/srv/kubelet', [
      `--config=/${KUBELET_CONFIG}`,
      '--kubeconfig=/etc/kubernetes/kubelet.kubeconfig',
      `--hostname-override=${this.name}`,
      `--node-ip=${this.ip}`,
      '--root-dir=/var/lib/kubelet',
    ])
    let podCIDR = ''
    await kubelet.until(`the pod CIDR of ${this.name}`, 60_000, async () => {
      podCIDR = await kubectl('get', 'node', this.name, '-o', 'jsonpath={.spec.podCIDR}')
      if (podCIDR === '') throw new Error('it has none')
    })
    this.#writeCni(podCIDR)
    this.daemon('kube-proxy', '/srv/kube-proxy', ['--config=/etc/kubernetes/kube-proxy.json'])
    return podCIDR
  }

  /**
   * Ends kubelet and starts it again, with these settings over its own, and waits until it knows the node's pods, which go on
   * meanwhile. Those with a readiness probe are not ready until they have passed it again.
   * @param settings fields of KubeletConfiguration; none: as the lab made it
   */
  async restartKubelet(settings: object = {}): Promise<void> {
    const name = `${this.name}-kubelet`
    await stopDaemon(name)
    this.#write(KUBELET_CONFIG, JSON.stringify({ ...kubeletConfig(this.name), ...settings }))
    const health = ['wget', '-q', '-O', '-', 'http://127.0.0.1:10248/healthz']
    const onNode = ['get', 'pods', '-A', `--field-selector=spec.nodeName=${this.name}`, '-o', 'name']
    await startAgain(name).until(`kubelet of ${this.name}`, 60_000, async () => {
      await this.must('busybox', health)
      const known = JSON.parse(await kubectl('get', '--raw', `/api/v1/nodes/${this.name}/proxy/pods`)) as {
        items: object[]
      }
      const wanted = lines(await kubectl(...onNode)).length
      if (known.items.length < wanted) throw new Error(`it knows ${known.items.length} of ${wanted} pods`)
    })
  }

  /** Lines of the kernel's rules in this node, of nftables and of iptables alike, without their counters. */
  async rules(): Promise<string[]> {
    return lines(await this.must('nft', ['--stateless', 'list', 'ruleset']))
  }

  daemon(name: string, command: string, args: readonly string[]): Daemon {
    return new Daemon(`${this.name}-${name}`, ...this.#enter(command, args))
  }

  must(command: string, args: readonly string[]): Promise<string> {
    return must(...this.#enter(command, args))
  }

  #enter(command: string, args: readonly string[]): [string, string[]] {
    return ['nsenter', ['--target', String(pidOf(this.name)), '--net', '--mount', '--uts', '--', command, ...args]]
  }

  #writeFiles(): void {
    for (const path of ['etc/cni/net.d', 'etc/containerd', 'etc/kubernetes', 'var/lib', 'var/log', 'tmp', 'tunables']) {
      mkdirSync(join(this.#dir, path), { recursive: true })
    }
    for (const name of ETC) {
      const from = join('/etc', name)
      if (existsSync(from)) cpSync(from, join(this.#dir, 'etc', name), { recursive: true, verbatimSymlinks: true })
    }
    for (const [path, value] of Object.entries(KERNEL_TUNABLES))
      this.#write(`tunables/${path.replaceAll('/', '.')}`, `${value}\n`)
    const hosts = NODES.map(({ name, ip }) => `${ip} ${name}\n`).join('')
    this.#write('etc/hosts', `127.0.0.1 localhost\n${hosts}`)
    this.#write('etc/hostname', `${this.name}\n`)
    this.#write('etc/machine-id', `${this.name.replaceAll(/\W/g, '').padStart(32, '0')}\n`)
    this.#write('etc/resolv.conf', `search lab.example\nnameserver ${UPSTREAM_IP}\n`)
    this.#write('etc/containerd/config.toml', containerdConfig(cniBinaries()!))
    this.#write(KUBELET_CONFIG, JSON.stringify(kubeletConfig(this.name)))
    this.#write('etc/kubernetes/kube-proxy.json', JSON.stringify(kubeProxyConfig(this.name)))
    for (const [component, to] of [
      [this.name, 'kubelet'],
      ['kube-proxy', 'kube-proxy'],
    ] as const) {
      cpSync(kubeconfigOf(component), join(this.#dir, `etc/kubernetes/${to}.kubeconfig`))
    }
    cpSync(CLIENT_CA, join(this.#dir, 'etc/kubernetes/ca.crt'))
  }

  #writeCni(podCIDR: string): void {
    const ipam = { type: 'host-local', ranges: [[{ subnet: podCIDR }]] }
    const bridge = { type: 'bridge', bridge: 'cni0', isDefaultGateway: true, hairpinMode: true, ipMasq: false, ipam }
    this.#write(
      'etc/cni/net.d/10-lab.conflist',
      JSON.stringify({ cniVersion: '1.0.0', name: 'lab', plugins: [bridge] }),
    )
  }

  #write(path: string, text: string): void {
    if (SHOWN.test(path)) show(`cat > /${path}   (${this.name})`, text)
    writeFileSync(join(this.#dir, path), text)
  }
}
