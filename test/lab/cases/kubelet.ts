/** kubelet's cluster DNS is a setting of each node, and changes for new pods alone. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { delay, eventually } from '../../harness/time.ts'
import { kubectl } from '../control-plane.ts'
import { Node } from '../node.ts'
import { DNS_IP, NODES } from '../place.ts'
import { inPod } from '../pods.ts'

/** Where the servers of the role on each node listen. */
const NODE_LOCAL_IP = '169.254.20.10'

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

/** Once kube-proxy, which is at most a second behind, has nothing to do for two. Sorted. */
async function settledRules(node: Node): Promise<string[]> {
  let rules: string[] = []
  await eventually(30_000, `rules of ${node.name} that stay`, async () => {
    rules = (await node.rules()).sort()
    await delay(2000)
    deepEqual((await node.rules()).sort(), rules)
  })
  return rules
}

test(
  'kubelet with another clusterDNS: new pods have that, the pods that there are and the rules of the node stay',
  async note => {
    const node = new Node(NODES[1].name, NODES[1].ip)
    const rules = await settledRules(node)
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
    await eventually(30_000, 'the rules as before', async () => deepEqual((await node.rules()).sort(), rules), 500)
  },
  { timeoutMs: 180_000 },
)
