/**
 * The component that takes over the Service's address: nodes answer at 10.96.0.10 as long as they serve, kube-proxy's rules
 * when they do not. Pods keep the resolv.conf that they have.
 */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { crowdOf, losesNone } from '../life/load.ts'
import type { Node } from '../node.ts'
import { digShort, resolve } from '../pods.ts'
import {
  apply,
  askerOn,
  countsOf,
  forget,
  nodes,
  present,
  processesOn,
  restart,
  serves,
  servesNothing,
  settled,
  takeOver,
  trackedOf,
} from './role.ts'

const TIMEOUT = { timeoutMs: 150_000 }
/** Pods whose resolv.conf names the Service. */
const CROWD = 'crowd'
const SERVICE_IP = '10.96.100.1'
const FQDN = 'service.default.svc.cluster.local'
const [first] = nodes

/** Queries that the server of each node has had. */
const asked = (): Promise<number[]> => countsOf('coredns_dns_requests_total')

/** A pod of the node that asks the Service's address, of which the node's connection tracking knows nothing now. */
async function forgottenAsker(node: Node): Promise<{ name: string; ip: string }> {
  const pod = await askerOn(node, 'glibc', CROWD)
  await forget(node, pod.ip)
  return pod
}

test(
  'node-local, take-over: the component comes in: no lookup fails',
  async note => {
    await present()
    await losesNone('take-over: the component comes in', takeOver, note)
  },
  TIMEOUT,
)

test(
  'node-local, take-over: what pods ask of the Service’s address their node answers, and the kernel tracks none of it',
  async () => {
    await present()
    await takeOver()
    await crowdOf(CROWD)
    for (const [i, node] of nodes.entries()) {
      const { name, ip } = await forgottenAsker(node)
      const before = await asked()
      for (const over of ['+notcp', '+tcp']) deepEqual(await digShort(name, over, FQDN), [SERVICE_IP])
      const after = await asked()
      equal(after[i]! - before[i]!, 2, `queries on ${node.name}`)
      equal(after[1 - i]! - before[1 - i]!, 0, 'queries on the other node')
      deepEqual(await trackedOf(node, ip), [])
    }
  },
  TIMEOUT,
)

test(
  'node-local, take-over: what the node itself asks of the Service’s address, it answers',
  async () => {
    await present()
    await takeOver()
    const before = await asked()
    deepEqual(await resolve('host-network', [`${FQDN}.`]), { [`${FQDN}.`]: SERVICE_IP })
    const after = await asked()
    // A and AAAA.
    deepEqual([after[0]! - before[0]!, after[1]! - before[1]!], [2, 0])
  },
  TIMEOUT,
)

test(
  'node-local, take-over: the DaemonSet is restarted: no lookup fails',
  async note => {
    await present()
    await takeOver()
    await losesNone('take-over: upgrade of the DaemonSet', restart, note)
  },
  TIMEOUT,
)

test(
  'node-local, take-over: SIGKILL of the server of a node: one attempt is enough for the next query, and no lookup fails',
  async note => {
    await present()
    await takeOver()
    await losesNone(
      'take-over: SIGKILL of the server',
      async () => {
        const { name } = await askerOn(first!, 'glibc', CROWD)
        process.kill(processesOn(first!, 'server')[0]!, 'SIGKILL')
        deepEqual(await digShort(name, '+tries=1', '+time=1', FQDN), [SERVICE_IP])
        await servesNothing(first!)
        note(`back after ${((await serves(first!)) / 1000).toFixed(1)} s`)
      },
      note,
    )
  },
  TIMEOUT,
)

test(
  'node-local, take-over: the component goes out: kube-proxy has the address as before, and no lookup fails',
  async note => {
    await present()
    await takeOver()
    await losesNone(
      'take-over: the component goes out',
      async () => {
        await apply()
        await settled()
      },
      note,
    )
    for (const node of nodes) {
      const { name, ip } = await forgottenAsker(node)
      const before = await asked()
      deepEqual(await digShort(name, FQDN), [SERVICE_IP])
      deepEqual(await asked(), before)
      ok((await trackedOf(node, ip)).length > 0, 'the query to the Service is not tracked')
    }
    const before = await asked()
    deepEqual(await resolve('host-network', [`${FQDN}.`]), { [`${FQDN}.`]: SERVICE_IP })
    deepEqual(await asked(), before)
  },
  TIMEOUT,
)
