/**
 * What a container runtime makes of a process, without one: an arbitrary user, one capability or none, no new
 * privileges, a root that is read only, and one folder that is not. Everything is done in a mount namespace of the server's.
 */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { must } from '../harness/process.ts'

const ROOT = join(import.meta.dirname, '../..')
const PORTS_FILE = '/proc/sys/net/ipv4/ip_unprivileged_port_start'

/** As the image of k8s/deployment.yaml has them. */
export const COREFILE = '/etc/coredns/Corefile'
export const STATE = '/var/lib/sextant'
const UID = 65_532

/**
 * Mounts what a pod has: the Corefile's folder, a service account, the state; the server under /opt. Where they are to be,
 * a folder may be missing and the root is not to be written to, so what is above them becomes an empty one first.
 * Arguments: the checkout, the folder with Corefile, resolv.conf and account/.
 */
const POD = `
set -e
mount --make-rprivate /
mount -t tmpfs pod /opt
mkdir /opt/sextant /opt/pod
mount --rbind "$1" /opt/sextant
mount --rbind "$2" /opt/pod
mount -t tmpfs etc /etc
mkdir /etc/coredns
mount --bind /opt/pod /etc/coredns
cp /opt/pod/resolv.conf /etc/resolv.conf
mount -t tmpfs var /var
mkdir -p ${STATE} /var/run/secrets/kubernetes.io/serviceaccount
cp /opt/pod/account/* /var/run/secrets/kubernetes.io/serviceaccount/
# Deepest first, for a mount hides what is below it. What the kernel itself offers is not there to be written to.
while read -r _ place _; do
  case $place in
    /proc | /proc/* | /sys | /sys/* | /dev | /dev/*) ;;
    *) mount -o remount,bind,ro "$place" ;;
  esac
done < /proc/self/mounts
mount -t tmpfs -o mode=0700 state ${STATE}
`

export interface Confinement {
  /** Of a checkout's folder and the Corefile's. */
  readonly wrapper: readonly string[]
  /** The user that it runs as; 0, without root's rights, where this machine lends us no second one. */
  readonly uid: number
}

/** A wrapper for `Subject.start`, which starts the pod's server whatever it is given. `capability`: with NET_BIND_SERVICE; without it the port must be free to all. */
export function confined(folder: string, capability: boolean): Confinement {
  const lent = Number(readFileSync('/proc/self/uid_map', 'utf8').trim().split(/\s+/)[2])
  const uid = lent > UID ? UID : 0
  const user = uid === 0 ? '' : `--reuid ${uid} --regid ${uid} --clear-groups`
  const set = capability ? '-all,+net_bind_service' : '-all'
  const limits = `--no-new-privs --bounding-set ${set} --inh-caps ${set} ${capability ? `--ambient-caps ${set}` : ''}`
  const script = `${POD}
${uid === 0 ? '' : `chown ${uid}:${uid} ${STATE}`}
exec setpriv ${user} ${limits} /opt/sextant/bin/sextant -conf ${COREFILE}`
  return { wrapper: ['unshare', '--mount', '--', 'sh', '-c', script, 'sh', ROOT, folder], uid }
}

/** Runs a task while ports from 53 on are free to all, as `sysctls` of k8s/deployment.yaml has it. */
export async function withFreePorts<T>(task: () => Promise<T>): Promise<T> {
  const before = readFileSync(PORTS_FILE, 'utf8').trim()
  const set = (port: string) => must('sh', ['-c', `echo ${port} > ${PORTS_FILE}`])
  await set('53')
  try {
    return await task()
  } finally {
    await set(before)
  }
}

/** What the kernel says that a process may. */
export interface Rights {
  readonly uids: readonly number[]
  /** Permitted, effective, ambient and bounding, of which each is a set of bits in hexadecimal. */
  readonly capabilities: readonly string[]
  readonly noNewPrivileges: boolean
  /** Mounts that may be written to. */
  readonly writable: readonly string[]
}

export function rightsOf(pid: number): Rights {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8')
  const field = (name: string) => new RegExp(`^${name}:\\s+(.*)$`, 'm').exec(status)![1]!
  const mounts = readFileSync(`/proc/${pid}/mounts`, 'utf8')
    .trim()
    .split('\n')
    .map(line => line.split(' '))
  return {
    uids: field('Uid').split('\t').map(Number),
    capabilities: ['CapPrm', 'CapEff', 'CapAmb', 'CapBnd'].map(field),
    noNewPrivileges: field('NoNewPrivs') === '1',
    writable: mounts
      .filter(([, place, , flags]) => !/^\/(proc|sys|dev)(\/|$)/.test(place!) && !flags!.split(',').includes('ro'))
      .map(([, place]) => place!),
  }
}
