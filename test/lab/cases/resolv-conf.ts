/** /etc/resolv.conf as kubelet writes it, for each dnsPolicy. */
import { equal } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { CLIENTS, inPod } from '../pods.ts'

const CLUSTER_FIRST = `search default.svc.cluster.local svc.cluster.local cluster.local lab.example
nameserver 10.96.0.10
options ndots:5`

const POLICIES = [
  ...CLIENTS.map(({ pod }) => ({ policy: `ClusterFirst (${pod})`, pod, want: CLUSTER_FIRST })),
  { policy: 'ClusterFirstWithHostNet', pod: 'host-network', want: CLUSTER_FIRST },
  { policy: "Default, the node's", pod: 'default', want: 'search lab.example\nnameserver 203.0.113.53' },
  {
    policy: 'None with dnsConfig',
    pod: 'none',
    want: 'search default.svc.cluster.local outside.example\nnameserver 10.96.0.10\noptions edns0 ndots:2',
  },
]

/** kubelet keeps options in a map: their order is any. */
function sorted(text: string): string {
  return text.replace(/(?<=^options ).+$/m, options => options.split(' ').sort().join(' '))
}

for (const { policy, pod, want } of POLICIES) {
  test(`resolv.conf of dnsPolicy ${policy}`, async () =>
    equal(sorted(await inPod(pod, 'busybox', 'cat', '/etc/resolv.conf')), want))
}
