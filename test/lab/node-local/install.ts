/** The role comes to two nodes, and new pods ask it: on their node, without connection tracking, from its cache. */
import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { DNS_IP, NODE_LOCAL_IP } from '../place.ts'
import { CLIENTS, digShort, inPod, podsWith, resolve, reverse, tried } from '../pods.ts'
import { apply, askerOn, CROWD, countsOf, forget, givenTo, nodes, present, served, trackedOf } from './role.ts'

const TIMEOUT = { timeoutMs: 150_000 }
const SERVICE_IP = '10.96.100.1'
const OUTSIDE_IP = '203.0.113.80'
const FQDN = 'service.default.svc.cluster.local'

test(
  'node-local: kubectl apply -k k8s/node-local/ rolls out on both nodes, and pods that kubelet makes then ask the node',
  async note => {
    await present()
    for (const node of nodes) {
      deepEqual(await served(node), [NODE_LOCAL_IP])
      deepEqual(await givenTo(node), [NODE_LOCAL_IP])
    }
    const ofService = await inPod('musl', 'busybox', 'cat', '/etc/resolv.conf')
    const pods = await podsWith(`app=${CROWD}`)
    deepEqual([...new Set(pods.map(({ node }) => node))].sort(), ['node-1', 'node-2'])
    for (const { name } of pods) {
      const text = await inPod(name, 'busybox', 'cat', '/etc/resolv.conf')
      equal(text, ofService.replace(DNS_IP, NODE_LOCAL_IP))
    }
    note(`${pods.length} pods`)
  },
  TIMEOUT,
)

for (const { libc } of CLIENTS) {
  test(
    `node-local, ${libc}: names of services, of pods, headless, outside and of addresses`,
    async () => {
      await present()
      const [first, second] = await podsWith('app=web')
      const dashes = first!.ip.replaceAll('.', '-')
      const want = {
        service: SERVICE_IP,
        'service.default': SERVICE_IP,
        'service.default.svc': SERVICE_IP,
        [FQDN]: SERVICE_IP,
        [`${FQDN}.`]: SERVICE_IP,
        [`${dashes}.default.pod`]: first!.ip,
        peers: [first!.ip, second!.ip].sort().join(' '),
        'web-0.peers': first!.ip,
        external: OUTSIDE_IP,
        'www.outside.example': OUTSIDE_IP,
        nowhere: 'error',
        'nowhere.outside.example': 'error',
      }
      for (const node of nodes) {
        const { name } = await askerOn(node, libc)
        deepEqual(await resolve(name, Object.keys(want)), want)
        const names = { [SERVICE_IP]: FQDN, [OUTSIDE_IP]: 'www.outside.example' }
        deepEqual(await reverse(name, Object.keys(names)), names)
      }
    },
    TIMEOUT,
  )
}

test(
  'node-local: dig over UDP and TCP, SRV, and nslookup',
  async () => {
    await present()
    for (const node of nodes) {
      const { name } = await askerOn(node)
      deepEqual(await digShort(name, '+search', 'service'), [SERVICE_IP])
      deepEqual(await digShort(name, '+tcp', FQDN), [SERVICE_IP])
      deepEqual(await digShort(name, '+tcp', 'www.outside.example'), [OUTSIDE_IP])
      deepEqual(await digShort(name, 'SRV', `_http._tcp.${FQDN}`), [`0 100 80 ${FQDN}.`])
      const { stdout } = await tried(name, ['nslookup', 'service'])
      match(stdout, /Server:\s+169\.254\.20\.10\b/)
      match(stdout, new RegExp(`Address: ${SERVICE_IP}\\b`))
    }
  },
  TIMEOUT,
)

test(
  'node-local: the server of the own node answers, from its cache the second time, and the kernel tracks none of it',
  async note => {
    await present()
    for (const [i, node] of nodes.entries()) {
      const { name: pod, ip } = await askerOn(node)
      // A name that nobody has asked for.
      const address = `10.${100 + i}.${Date.now() % 256}.9`
      const name = `${address.replaceAll('.', '-')}.default.pod.cluster.local`
      const own = (counts: number[]): number => counts[i]!
      const others = (counts: number[]): number => counts[1 - i]!
      // Of what the pod did before, while the Service answered.
      await forget(node, ip)
      const asked = await countsOf('coredns_dns_requests_total')
      const hits = await countsOf('coredns_cache_hits_total')
      deepEqual(await digShort(pod, name), [address])
      const hitsOnce = await countsOf('coredns_cache_hits_total')
      for (const over of ['+notcp', '+tcp']) deepEqual(await digShort(pod, over, name), [address])
      const askedAfter = await countsOf('coredns_dns_requests_total')
      equal(own(askedAfter) - own(asked), 3, `queries on ${node.name}`)
      equal(others(askedAfter) - others(asked), 0, 'queries on the other node')
      equal(own(hitsOnce) - own(hits), 0, 'hits of the first query')
      equal(own(await countsOf('coredns_cache_hits_total')) - own(hitsOnce), 2, 'hits of the others')
      deepEqual(await trackedOf(node, ip), [])
      // What is asked of another server is tracked: that would be seen here.
      deepEqual(await digShort(pod, `@${DNS_IP}`, name), [address])
      ok((await trackedOf(node, ip)).length > 0, 'the query to the Service is not tracked')
    }
    note('3 queries on each node')
  },
  TIMEOUT,
)

test(
  'node-local: applied again, nothing changes',
  async () => {
    await present()
    const uid = (): Promise<string> => podsWith('k8s-app=node-local-dns', 'kube-system').then(JSON.stringify)
    const before = await uid()
    await apply()
    equal(await uid(), before)
  },
  TIMEOUT,
)
