/**
 * The names of a cluster, asked by dig and nslookup in a pod that has the resolv.conf of kubelet.
 */
import { deepEqual, equal, match, notEqual } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { dig, nslookup, type Reply, type Rr } from '../ask.ts'
import { hasIPv6 } from '../netns.ts'
import { service } from '../objects.ts'
import { API_IP, DNS_IP, seen, WEB_IP, world } from '../world.ts'

const ZONE = 'cluster.local.'

function data(rrs: readonly Rr[], type: string): string[] {
  return rrs.filter(rr => rr.type === type).map(rr => rr.data)
}

async function expectAddress(
  name: string,
  owner: string,
  addresses: readonly string[],
  ...args: string[]
): Promise<Reply> {
  const reply = await dig(world().client, '+search', ...args, name, 'A')
  equal(reply.rcode, 'NOERROR', reply.text)
  deepEqual(
    reply.answer.map(rr => rr.name),
    addresses.map(() => owner),
  )
  deepEqual(data(reply.answer, 'A').sort(), [...addresses].sort())
  return reply
}

for (const name of ['web', 'web.default', 'web.default.svc', 'web.default.svc.cluster.local']) {
  test(`search list: "${name}" is the service`, async () => {
    const reply = await expectAddress(name, `web.default.svc.${ZONE}`, [WEB_IP])
    equal(reply.answer[0]!.ttl, 30)
    equal(reply.flags.includes('aa'), true)
  })
}

test('search list: "api.other" is the service of another namespace', async () => {
  await expectAddress('api.other', `api.other.svc.${ZONE}`, [API_IP])
})

test('search list: "10-244-2-5.default.pod" is a pod', async () => {
  await expectAddress('10-244-2-5.default.pod', `10-244-2-5.default.pod.${ZONE}`, ['10.244.2.5'])
})

test('search list: "kubernetes" is the API server', async () => {
  await expectAddress('kubernetes', `kubernetes.default.svc.${ZONE}`, [world().cluster.host])
})

test('the same answer over TCP', async () => {
  await expectAddress('web', `web.default.svc.${ZONE}`, [WEB_IP], '+tcp')
})

test('upper and lower case are one name, and come back as asked', async () => {
  const reply = await dig(world().client, 'WeB.Default.svc.cluster.LOCAL', 'A')
  deepEqual(
    reply.answer.map(rr => [rr.name, rr.data]),
    [['WeB.Default.svc.cluster.LOCAL.', WEB_IP]],
  )
})

test('AAAA of an IPv4 service: no error, no answer, an SOA', async () => {
  const reply = await dig(world().client, '+search', 'web', 'AAAA')
  equal(reply.rcode, 'NOERROR')
  deepEqual(reply.answer, [])
  deepEqual(
    reply.authority.map(rr => [rr.name, rr.type]),
    [[ZONE, 'SOA']],
  )
})

test('a name that is not there: NXDOMAIN with an SOA, authoritative', async () => {
  const reply = await dig(world().client, 'nobody.default.svc.cluster.local', 'A')
  equal(reply.rcode, 'NXDOMAIN')
  equal(reply.flags.includes('aa'), true)
  deepEqual(
    reply.authority.map(rr => [rr.name, rr.type]),
    [[ZONE, 'SOA']],
  )
})

test(
  'a dual-stack service has A and AAAA, and both reverse names',
  async () => {
    const { cluster, client, server } = world()
    const dual = service('default', 'dual', { ipFamilyPolicy: 'RequireDualStack', ipFamilies: ['IPv4', 'IPv6'] })
    const { spec } = (await cluster.api.create(dual)) as { spec: { clusterIPs: string[] } }
    await seen(server.ip, 'dual.default.svc.cluster.local', 'A', [spec.clusterIPs[0]!], 5000)
    const aaaa = await dig(client, '+search', 'dual', 'AAAA')
    deepEqual(data(aaaa.answer, 'AAAA'), [spec.clusterIPs[1]])
    for (const ip of spec.clusterIPs) {
      deepEqual(data((await dig(client, '-x', ip)).answer, 'PTR'), [`dual.default.svc.${ZONE}`])
    }
    await cluster.api.delete(dual)
  },
  { skip: hasIPv6() ? undefined : 'the kernel has no IPv6' },
)

test(
  'a question over IPv6',
  async () => {
    const { client, server } = world()
    const reply = await dig(client, `@${server.pod.ip6}`, 'web.default.svc.cluster.local', 'A')
    deepEqual(data(reply.answer, 'A'), [WEB_IP])
  },
  { skip: hasIPv6() ? undefined : 'the kernel has no IPv6' },
)

test('reverse name of a service', async () => {
  const reply = await dig(world().client, '-x', WEB_IP)
  deepEqual(data(reply.answer, 'PTR'), [`web.default.svc.${ZONE}`])
})

test('reverse name of an endpoint, with and without a hostname', async () => {
  const { client } = world()
  const named = await dig(client, '-x', '10.244.3.5')
  deepEqual(data(named.answer, 'PTR'), [`peer-0.peers.default.svc.${ZONE}`])
  const unnamed = await dig(client, '-x', '10.244.2.5')
  deepEqual(data(unnamed.answer, 'PTR'), [`10-244-2-5.headless.default.svc.${ZONE}`])
})

test('SRV of a named port', async () => {
  const reply = await dig(world().client, '+search', '_http._tcp.web', 'SRV')
  deepEqual(data(reply.answer, 'SRV'), [`0 100 80 web.default.svc.${ZONE}`])
  deepEqual(data(reply.additional, 'A'), [WEB_IP])
})

test('SRV of a headless service: a target for each endpoint', async () => {
  const reply = await dig(world().client, '_http._tcp.peers.default.svc.cluster.local', 'SRV')
  const targets = ['peer-0', 'peer-1'].map(host => `0 50 80 ${host}.peers.default.svc.${ZONE}`)
  deepEqual(data(reply.answer, 'SRV').sort(), targets)
  deepEqual(data(reply.additional, 'A').sort(), ['10.244.3.5', '10.244.3.6'])
})

test('SRV of a port that is not there: NXDOMAIN', async () => {
  const reply = await dig(world().client, '_https._tcp.web.default.svc.cluster.local', 'SRV')
  equal(reply.rcode, 'NXDOMAIN')
})

test('headless: the addresses of all ready endpoints, and no others', async () => {
  await expectAddress('headless', `headless.default.svc.${ZONE}`, ['10.244.2.5', '10.244.2.6'])
})

test('headless with hostnames: each endpoint by its name', async () => {
  await expectAddress('peers', `peers.default.svc.${ZONE}`, ['10.244.3.5', '10.244.3.6'])
  await expectAddress('peer-1.peers', `peer-1.peers.default.svc.${ZONE}`, ['10.244.3.6'])
})

test('ExternalName: a CNAME, then the address of its target', async () => {
  const reply = await dig(world().client, '+search', 'outside', 'A')
  const answer = reply.answer.map(rr => [rr.name, rr.type, rr.data])
  deepEqual(answer, [
    [`outside.default.svc.${ZONE}`, 'CNAME', 'target.example.test.'],
    ['target.example.test.', 'A', '198.51.100.7'],
  ])
  const short = await dig(world().client, 'outside.default.svc.cluster.local', 'CNAME')
  deepEqual(data(short.answer, 'CNAME'), ['target.example.test.'])
})

test('dns-version names the specification', async () => {
  const reply = await dig(world().client, 'dns-version.cluster.local', 'TXT')
  deepEqual(data(reply.answer, 'TXT'), ['"1.1.0"'])
})

test('nslookup finds the service by its short name', async () => {
  const { code, stdout } = await nslookup(world().client, 'web')
  equal(code, 0, stdout)
  match(stdout, new RegExp(`Address:\\s+${DNS_IP}#53`))
  match(stdout, new RegExp(`Name:\\s+web\\.default\\.svc\\.cluster\\.local\\s+Address: ${WEB_IP}`))
})

test(
  'nslookup does not warn that recursion is not available',
  async () => {
    for (const name of ['web', 'www.example.test.']) {
      const { stdout, stderr } = await nslookup(world().client, name)
      equal(/recursion not available/i.test(stdout + stderr), false, stdout + stderr)
    }
    const denied = await dig(world().client, 'nobody.default.svc.cluster.local', 'A')
    notEqual(denied.flags.indexOf('ra'), -1, denied.text)
  },
  { coredns: 'CoreDNS never sets RA on answers of its own' },
)
