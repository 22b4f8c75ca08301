/**
 * The component that takes over the Service's address: nodes answer at 10.96.0.10 as long as they serve, kube-proxy's rules
 * when they do not. Pods keep the resolv.conf that they have.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { crowdOf, losesNone } from '../life/load.ts'
import { DNS_IP } from '../place.ts'
import { digShort, resolve } from '../pods.ts'
import {
  apply,
  askerOn,
  metricsOf,
  NODE_LOCAL_IP,
  nodes,
  present,
  processesOn,
  restart,
  serves,
  servesNothing,
  settled,
  trackedOf,
} from './role.ts'

const TIMEOUT = { timeoutMs: 240_000 }
const CROWD = 'crowd'
const SERVICE_IP = '10.96.100.1'
const FQDN = 'service.default.svc.cluster.local'
const BOTH = [DNS_IP, NODE_LOCAL_IP] as const

/** Queries that the server of each node has had. */
function asked(): Promise<number[]> {
  return Promise.all(nodes.map(async node => (await metricsOf(node)).sum('coredns_dns_requests_total') ?? 0))
}

/** What a pod asks of the Service's address comes to the server of its node, and is not tracked. */
async function isTakenOver(): Promise<void> {
  for (const [i, node] of nodes.entries()) {
    const { name, ip } = await askerOn(node, 'glibc', CROWD)
    await node.must('sh', ['-c', `conntrack --delete --src ${ip} || true`])
    const before = await asked()
    for (const over of ['+notcp', '+tcp']) deepEqual(await digShort(name, over, FQDN), [SERVICE_IP])
    const after = await asked()
    equal(after[i]! - before[i]!, 2, `queries on ${node.name}`)
    equal(after[1 - i]! - before[1 - i]!, 0, 'queries on the other node')
    deepEqual(await trackedOf(node, ip), [])
  }
}

test(
  'node-local, take-over: pods and hosts that ask the Service’s address are answered on their node; in, upgraded and out without a lookup that fails',
  async note => {
    await present()
    await crowdOf(CROWD)
    try {
      await losesNone(
        'take-over: the component comes in',
        async () => {
          await apply('take-over')
          await settled(...BOTH)
        },
        note,
      )
      await isTakenOver()
      const [before] = await asked()
      deepEqual(await resolve('host-network', [FQDN]), { [FQDN]: SERVICE_IP })
      ok((await asked())[0]! > before!, 'the host’s own query came to another')
      await losesNone('take-over: upgrade of the DaemonSet', () => restart(...BOTH), note)
      await losesNone(
        'take-over: SIGKILL of the server',
        async () => {
          const [node] = nodes
          const { name } = await askerOn(node!, 'glibc', CROWD)
          process.kill(processesOn(node!, 'server')[0]!, 'SIGKILL')
          deepEqual(await digShort(name, '+tries=1', '+time=1', FQDN), [SERVICE_IP])
          note(`rules gone after ${(await servesNothing(node!)).toFixed(0)} ms`)
          note(`back after ${((await serves(node!, ...BOTH)) / 1000).toFixed(1)} s`)
        },
        note,
      )
    } finally {
      await losesNone(
        'take-over: the component goes out',
        async () => {
          await apply()
          await settled()
        },
        note,
      )
    }
    for (const node of nodes) {
      const { name, ip } = await askerOn(node, 'glibc', CROWD)
      const before = await asked()
      deepEqual(await digShort(name, FQDN), [SERVICE_IP])
      deepEqual(await asked(), before)
      ok((await trackedOf(node, ip)).length > 0, 'the query to the Service is not tracked')
    }
  },
  TIMEOUT,
)
