/** Pods reach pods as they are, the world outside through NAT, and services through kube-proxy's rules. */
import { deepEqual, equal, match, notEqual, ok } from 'node:assert/strict'
import { must } from '../../harness/process.ts'
import { test } from '../../harness/suite.ts'
import { kubectl } from '../control-plane.ts'
import { CONTROL_IP, NAT_IP, NODES, WEB_OUTSIDE_IP } from '../place.ts'
import { CLIENTS, inPod, ipOf, podsWith } from '../pods.ts'

const SERVICE_IP = '10.96.100.1'

/** The page tells from which address it was asked. */
function peerSeenBy(pod: string, host: string, port: number): Promise<string> {
  return inPod(pod, 'fetch', host, String(port), '/cgi-bin/peer')
}

test('each node has a pod CIDR of its own, and its pods have addresses of it', async note => {
  const subnets: string[] = []
  for (const { name } of NODES) {
    const subnet = await kubectl('get', 'node', name, '-o', 'jsonpath={.spec.podCIDR}')
    match(subnet, /^10\.244\.\d+\.0\/24$/)
    subnets.push(subnet)
    const pods = (await podsWith('app=web')).filter(({ node }) => node === name)
    equal(pods.length, 1, `${name} has ${pods.length} web pods`)
    for (const { ip } of pods) equal(ip.replace(/\.\d+$/, '.0/24'), subnet)
  }
  notEqual(subnets[0], subnets[1])
  note(subnets.join(', '))
})

for (const { libc, pod } of CLIENTS) {
  test(`${libc}: a pod of the same node and one of the other see the pod's own address`, async note => {
    const ip = await ipOf(pod)
    for (const web of await podsWith('app=web')) {
      equal(await peerSeenBy(pod, web.ip, 8080), ip)
      note(`${ip} → ${web.ip} on ${web.node}`)
    }
  })

  test(`${libc}: outside sees the router's address: NAT`, async () => {
    equal(await peerSeenBy(pod, WEB_OUTSIDE_IP, 80), NAT_IP)
  })

  test(`${libc}: ClusterIP leads to the pods of both nodes, and they see the pod's own address`, async () => {
    const ip = await ipOf(pod)
    equal(await peerSeenBy(pod, SERVICE_IP, 80), ip)
    const names = await inPod(pod, 'fetch', 'service', '80', ...new Array<string>(30).fill('/cgi-bin/name'))
    deepEqual([...new Set(names.split('\n'))].sort(), ['web-0', 'web-1'])
  })
}

test('a node and the switch reach pods of either node', async () => {
  const gateway = (await ipOf('musl')).replace(/\d+$/, '1')
  for (const web of await podsWith('app=web')) {
    // Node 1 has two addresses: towards its own pods it is their gateway.
    equal(await peerSeenBy('host-network', web.ip, 8080), web.node === 'node-1' ? gateway : NODES[0].ip)
    const response = await fetch(`http://${web.ip}:8080/cgi-bin/peer`)
    equal((await response.text()).trim(), CONTROL_IP)
  }
})

test('ClusterIP is a rule of kube-proxy on each node, and no address of any device', async note => {
  for (const { name } of NODES) {
    const rules = await must('ip', ['netns', 'exec', name, 'iptables-save', '-t', 'nat'])
    const rule = rules.split('\n').find(line => line.includes(`-d ${SERVICE_IP}/32`) && line.includes('KUBE-SVC-'))
    ok(rule, `${name} has no rule for ${SERVICE_IP}\n${rules}`)
    ok(!(await must('ip', ['-n', name, 'addr'])).includes(SERVICE_IP))
    note(`${name}: ${rules.match(/^-A KUBE-SEP-\S+ .*--to-destination/gm)?.length} endpoints`)
  }
})
