/** The pods from which the Kubernetes e2e suite asks, and its two ways to ask with dig. */
import { notEqual } from 'node:assert/strict'
import { eventually } from '../harness/time.ts'
import { clusterFirst, Pod } from './netns.ts'
import { namespace } from './objects.ts'
import { DNS_IP, world } from './world.ts'

/** The namespace of the tests. */
export const NS = 'dns-1234'
export const ZONE = 'cluster.local'
export const QUERIER = 'dns-querier-1'
/** The suite looks for ten minutes; what the API server confirmed is in the next answer here. */
const PROBE_MS = 10_000

let querier: Promise<Pod> | undefined

/** The pod of most tests, made with its namespace. */
export function querierPod(): Promise<Pod> {
  querier ??= (async () => {
    await world().cluster.api.create(namespace(NS))
    return podWith(QUERIER)
  })()
  return querier
}

/** A pod with dnsPolicy ClusterFirst, and further search paths. */
export async function podWith(name: string, searches: readonly string[] = []): Promise<Pod> {
  const resolvConf = clusterFirst(DNS_IP, NS).replace('\n', ` ${searches.join(' ')}\n`)
  const pod = await Pod.create(name, { resolvConf })
  await pod.must('ip', ['route', 'add', `${DNS_IP}/32`, 'dev', 'eth0'])
  return pod
}

/** Each name as A, or as SRV if it starts with an underscore, and the PTR of an address: non-empty over both transports. */
export async function probe(pod: Pod, names: readonly string[], ptrIp?: string): Promise<void> {
  const lookups = names.map(name => [name, name.startsWith('_') ? 'SRV' : 'A'] as const)
  const reverse = ptrIp ? ([[`${ptrIp.split('.').reverse().join('.')}.in-addr.arpa`, 'PTR']] as const) : []
  for (const [name, type] of [...lookups, ...reverse]) {
    for (const transport of ['+notcp', '+tcp']) {
      const args = [transport, '+noall', '+answer', '+search', name, type]
      const isAnswered = async () => notEqual(records(await pod.must('dig', args)), '')
      await eventually(PROBE_MS, `dig ${args.join(' ')}`, isAnswered, 100)
    }
  }
}

/** What dig prints but for comments: those tell that there was no answer. */
function records(stdout: string): string {
  return stdout.replace(/^;.*\n/gm, '').trim()
}

/** Lines of `dig +short`. */
export async function digShort(pod: Pod, ...args: string[]): Promise<string[]> {
  const { stdout } = await pod.run('dig', ['+short', ...args])
  return records(stdout).split('\n').filter(Boolean)
}
