/** What the lab needs of the machine, and what of it is missing. */
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { must, run } from '../harness/process.ts'
import { cgroupsObstacle } from './cgroups.ts'
import { cniBinaries } from './node.ts'
import { ROOT } from './place.ts'

/** Commands, with the Debian package of each. */
const COMMANDS: Readonly<Record<string, string>> = {
  busybox: 'busybox-static',
  cc: 'gcc',
  conntrack: 'conntrack',
  containerd: 'containerd',
  ctr: 'containerd',
  dig: 'bind9-dnsutils',
  ip: 'iproute2',
  iptables: 'iptables',
  'musl-gcc': 'musl-tools',
  nft: 'nftables',
  nsenter: 'util-linux',
  nslookup: 'bind9-dnsutils',
  openssl: 'openssl',
  runc: 'runc',
  sysctl: 'procps',
  unbound: 'unbound',
  unshare: 'util-linux',
}
/** Of `npm run lab:assets`, which builds kubectl where PATH has none. */
const BINARIES = ['etcd', 'kube-apiserver', 'kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy']

export async function assetsFolder(): Promise<string> {
  return (await must('bash', [join(ROOT, 'test/e2e/assets.sh'), '--print'])).trim()
}

/** From then on commands are also looked for where Debian keeps those of root, and among the binaries. */
export async function extendPath(): Promise<void> {
  process.env.PATH = [process.env.PATH, '/usr/sbin', '/sbin', await assetsFolder()].join(':')
}

async function has(command: string): Promise<boolean> {
  return (await run('sh', ['-c', `command -v ${command}`])).code === 0
}

/** Why the lab cannot run here, as sentences for people; empty: it can. */
export async function obstacles(): Promise<string[]> {
  if (process.platform !== 'linux') return ['it needs Linux']
  const found: string[] = []
  if (process.getuid?.() !== 0) found.push('it needs root: kubelet and containerd do')
  const absent: string[] = []
  for (const command of Object.keys(COMMANDS)) {
    if (!(await has(command))) absent.push(command)
  }
  const packages = new Set(absent.map(command => COMMANDS[command]!))
  if (cniBinaries() === undefined) {
    absent.push('CNI plugins')
    packages.add('containernetworking-plugins')
  }
  if (absent.length > 0) {
    found.push(`not found: ${absent.join(', ')} (apt-get install --no-install-recommends ${[...packages].join(' ')})`)
  }
  const assets = await assetsFolder()
  const unbuilt = BINARIES.filter(name => !existsSync(join(assets, name)))
  if (!(await has('kubectl'))) unbuilt.push('kubectl')
  if (unbuilt.length > 0) found.push(`not built: ${unbuilt.join(', ')} (npm run lab:assets)`)
  if (!existsSync(join(ROOT, 'dist/sextant.cjs'))) found.push('not built: dist/ (npm ci)')
  if (found.length > 0) return found
  const namespaces = ['--net', '--mount', '--pid', '--fork', '--kill-child', '--mount-proc']
  if ((await run('unshare', [...namespaces, 'true'])).code !== 0) return ['it may make no network and mount namespaces']
  const obstacle = cgroupsObstacle()
  if (obstacle !== undefined) return [`it has to make control groups: ${obstacle}`]
  if (!/\boverlay$/m.test(readFileSync('/proc/filesystems', 'utf8'))) return ['it needs the file system "overlay"']
  return []
}
