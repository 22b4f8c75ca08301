/**
 * The tests of the Kubernetes e2e suite that write another Corefile into the ConfigMap `coredns` and delete its pods: stub
 * domains, reverse names and external names from a name server of the test, IPv4 and IPv6. That server is a CoreDNS with
 * plugin `hosts` there; here it is the server under test too.
 */
import { deepEqual } from 'node:assert/strict'
import { test } from '../../harness/suite.ts'
import { eventually } from '../../harness/time.ts'
import { ask } from '../ask.ts'
import { clusterFirst, hasIPv6, Pod } from '../netns.ts'
import { service } from '../objects.ts'
import { digShort, NS, querierPod, ZONE } from '../querier.ts'
import type { Server } from '../server.ts'
import { STOCK_COREFILE, startServer, world } from '../world.ts'

/** The suite looks for two minutes. */
const RECORD_MS = 30_000

interface Family {
  name: string
  type: 'A' | 'AAAA'
  /** Where a pod is reached. */
  addressOf: (pod: Pod) => string
  acme: readonly [string, string, string]
  /** Of my.test and foo.example.com. */
  own: string
  /** Of dns.google, which the node's name server knows. */
  google: string
  skip: string | undefined
}

const FAMILIES: readonly Family[] = [
  {
    name: 'IPv4',
    type: 'A',
    addressOf: pod => pod.ip,
    acme: ['1.1.1.1', '2.2.2.2', '3.3.3.3'],
    own: '192.0.2.123',
    google: '8.8.8.8',
    skip: undefined,
  },
  {
    name: 'IPv6',
    type: 'AAAA',
    addressOf: pod => pod.ip6,
    acme: ['2606:4700:4700::1111', '2606:4700:4700::2222', '2606:4700:4700::3333'],
    own: '2001:db8::29',
    google: '2001:4860:4860::8888',
    skip: hasIPv6() ? undefined : 'the kernel has no IPv6',
  },
]

const STUB = 'acme.local:53 {\n    forward . NAMESERVER\n}\n'

/** The Corefile that the suite writes. */
function corefileWith(nameServer: string, stub = ''): string {
  const kubernetes = 'pods insecure\n        fallthrough in-addr.arpa ip6.arpa\n        ttl 30'
  return `.:53 {
    health
    ready
    kubernetes ${ZONE} in-addr.arpa ip6.arpa {
        ${kubernetes}
    }
    forward . NAMESERVER
}
${stub}`.replaceAll('NAMESERVER', nameServer)
}

/** The cluster's DNS as it was, the name server of the test, a pod that asks the former; all of them gone afterwards. */
async function withServers(
  family: Family,
  hosts: Readonly<Record<string, string>>,
  work: (dns: Server, nameServer: string, pod: Pod) => Promise<void>,
): Promise<void> {
  await querierPod()
  const lines = Object.entries(hosts).map(([name, address]) => `        ${address} ${name}\n`)
  const corefile = `. {\n    hosts {\n${lines.join('')}    }\n    log\n}\n`
  const named = await startServer(`dns-server-${family.name}`, { corefile, inCluster: false })
  await eventually(
    RECORD_MS,
    'the name server of the test',
    async () => void (await ask(named.ip, 'my.test', 'A', 500)),
  )
  const dns = await startServer(`configmap-${family.name}`)
  await dns.ready()
  const pod = await Pod.create(`util-${family.name}`, { resolvConf: clusterFirst(family.addressOf(dns.pod), NS) })
  try {
    await work(dns, family.addressOf(named.pod), pod)
  } finally {
    await pod.remove()
    await dns.stop()
    await named.stop()
  }
}

/** A new ConfigMap, and the pods deleted: a new process. */
async function setConfigMap(dns: Server, corefile: string): Promise<void> {
  dns.writeCorefile(corefile)
  await dns.child.stop('SIGKILL')
  dns.launch()
}

async function shows(pod: Pod, args: readonly string[], want: readonly string[]): Promise<void> {
  const isSo = async () => deepEqual(await digShort(pod, ...args), want)
  await eventually(RECORD_MS, `dig +short ${args.join(' ')} being "${want.join(' ')}"`, isSo, 100)
}

for (const family of FAMILIES) {
  const { name, type, acme, own, google, skip } = family
  const title = `conformance: DNS configMap nameserver [${name}]`

  test(
    `${title} should be able to change stubDomain configuration [Slow] [Serial]`,
    async () => {
      const hosts = { 'abc.acme.local': acme[0], 'def.acme.local': acme[1], 'widget.local': acme[2] }
      await withServers(family, hosts, async (dns, nameServer, pod) => {
        await setConfigMap(dns, corefileWith(nameServer, STUB))
        for (const [host, address] of Object.entries(hosts)) await shows(pod, [type, host], [address])
        await setConfigMap(dns, STOCK_COREFILE)
        await dns.ready()
        await shows(pod, [type, 'abc.acme.local'], [])
      })
    },
    { skip },
  )

  test(
    `${title} should forward PTR records lookup to upstream nameserver [Slow] [Serial]`,
    async () => {
      await withServers(family, { 'my.test': own }, async (dns, nameServer, pod) => {
        await shows(pod, ['-x', google], ['dns.google.'])
        await setConfigMap(dns, corefileWith(nameServer))
        await shows(pod, ['-x', own], ['my.test.'])
        await setConfigMap(dns, STOCK_COREFILE)
        await dns.ready()
        await shows(pod, ['-x', own], [])
      })
    },
    { skip },
  )

  test(
    `${title} should forward externalname lookup to upstream nameserver [Slow] [Serial]`,
    async () => {
      const { api } = world().cluster
      await withServers(family, { 'foo.example.com': own }, async (dns, nameServer, pod) => {
        const external = (service_: string, externalName: string) =>
          service(NS, service_, { type: 'ExternalName', externalName })
        const upstream = external('dns-externalname-upstream-test', 'dns.google')
        const local = external('dns-externalname-upstream-local', 'foo.example.com')
        await Promise.all([api.create(upstream), api.create(local)])
        await shows(pod, [type, `${upstream.metadata.name}.${NS}.svc.${ZONE}`], ['dns.google.', google])
        await setConfigMap(dns, corefileWith(nameServer))
        // First the CNAME, then what it leads to: the suite reads lines.
        await shows(pod, [type, `${local.metadata.name}.${NS}.svc.${ZONE}`], ['foo.example.com.', own])
        await Promise.all([api.delete(upstream), api.delete(local)])
      })
    },
    { skip },
  )
}
