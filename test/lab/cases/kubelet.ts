/** kubelet's cluster DNS is a setting of each node, and changes for new pods alone. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { Node, onceTheyStay } from '../node.ts'
import { DNS_IP, NODE_LOCAL_IP, NODES } from '../place.ts'
import { inPod } from '../pods.ts'

/** The resolv.conf of a pod that kubelet makes now. */
async function resolvConfOfNewPod(node: string): Promise<string> {
  const container = { name: 'new', image: 'lab-musl:1', imagePullPolicy: 'Never' }
  const spec = { nodeName: node, terminationGracePeriodSeconds: 1, containers: [container] }
  const overrides = JSON.stringify({ apiVersion: 'v1', spec })
  await kubectl('run', 'new', '--image=lab-musl:1', `--overrides=${overrides}`)
  try {
    await kubectl('wait', '--for=condition=Ready', 'pod/new', '--timeout=40s')
    return await inPod('new', 'busybox', 'cat', '/etc/resolv.conf')
  } finally {
    await kubectl('delete', 'pod', 'new')
  }
}

test(
  'kubelet with another clusterDNS: new pods have that, the pods that there are and the rules of the node stay',
  async note => {
    const node = new Node(NODES[1].name, NODES[1].ip)
    const sorted = async (): Promise<string[]> => (await node.rules()).sort()
    const rules = await onceTheyStay(sorted)
    note(`${rules.length} lines of rules`)
    const before = await inPod('glibc', 'busybox', 'cat', '/etc/resolv.conf')
    try {
      await node.restartKubelet({ clusterDNS: [NODE_LOCAL_IP] })
      match(await resolvConfOfNewPod(node.name), new RegExp(`^nameserver ${NODE_LOCAL_IP}$`, 'm'))
      equal(await inPod('glibc', 'busybox', 'cat', '/etc/resolv.conf'), before)
    } finally {
      await node.restartKubelet()
    }
    match(await resolvConfOfNewPod(node.name), new RegExp(`^nameserver ${DNS_IP}$`, 'm'))
    await eventually(30_000, 'the rules as before', async () => deepEqual(await sorted(), rules), 500)
  },
  { timeoutMs: 180_000 },
)
