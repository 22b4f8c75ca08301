/** The Corefile of k8s/node-local/ at work, its addresses moved to the loopback: who is asked for what, and who need not answer. */
import { deepEqual, equal, match } from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from 'uvu'
import { parse } from 'yaml'
import { answer, type FakeUpstream, fakeUpstream, type Script } from '../harness/fake-upstream.ts'
import { type RunningServer, startServer } from '../harness/server.ts'

const FILE = join(import.meta.dirname, '../../k8s/node-local/configmap.yaml')
const corefile: string = parse(readFileSync(FILE, 'utf8')).data.Corefile

interface Node {
  readonly server: RunningServer
  /** In the place of the Service `kube-dns-upstream`. */
  readonly service: FakeUpstream
  /** In the place of what the node's resolv.conf names. */
  readonly resolver: FakeUpstream
}

/** Answers last two seconds, denials too. */
const known: Script = asked =>
  asked.name.startsWith('no.')
    ? answer(asked, [], { rcode: 'NXDOMAIN', authority: ['. 2 SOA ns. hostmaster. 1 7200 1800 86400 2'] })
    : answer(asked, [`${asked.name} 2 A 192.0.2.1`])

async function withNode(use: (node: Node) => Promise<void>): Promise<void> {
  const [service, resolver] = [await fakeUpstream(known), await fakeUpstream(known)]
  const here = corefile
    .replaceAll(':53 {', ' {')
    .replaceAll('169.254.20.10', '127.0.0.1')
    .replaceAll(':8080', ':0')
    .replaceAll(':9253', '127.0.0.1:0')
    .replaceAll('{$KUBE_DNS_UPSTREAM_SERVICE_HOST}', service.address)
    .replaceAll('/etc/resolv.conf', resolver.address)
  const server = await startServer(here)
  try {
    await use({ server, service, resolver })
  } finally {
    await server.stop()
    await Promise.allSettled([service.close(), resolver.close()])
  }
}

/** What clients asked for; `loop` asks its own. */
const forClients = ({ log }: FakeUpstream) => log.filter(line => !line.endsWith(' HINFO'))
const NAMES = [
  'web.shop.svc.cluster.local',
  '10.0.96.10.in-addr.arpa',
  '1.0.8.b.d.0.1.0.0.2.ip6.arpa',
  'www.example.org',
]

const test = suite('node-local-serving')

test('names of the cluster and of addresses are asked of the Service, over TCP; others of the resolvers of the node', () =>
  withNode(async ({ server, service, resolver }) => {
    for (const name of NAMES) match(await server.ask(name), /^NOERROR/, name)
    deepEqual(
      forClients(service),
      NAMES.slice(0, 3).map(name => `tcp ${name}. A`),
    )
    deepEqual(forClients(resolver), ['udp www.example.org. A'])
    // Kept: nobody is asked again.
    for (const name of NAMES) match(await server.ask(name), /^NOERROR/, name)
    deepEqual([forClients(service).length, forClients(resolver).length], [3, 1])
  }))

test('while nobody else answers, names that were known are answered, denials too, over both transports', () =>
  withNode(async ({ server, service, resolver }) => {
    const denied = NAMES.map(name => `no.${name}`)
    const before = new Map<string, string>()
    for (const name of [...NAMES, ...denied]) before.set(name, (await server.ask(name)).split(' ')[0]!)
    deepEqual([...new Set(before.values())], ['NOERROR', 'NXDOMAIN'])
    await Promise.all([service.close(), resolver.close()])
    await new Promise(resolve => setTimeout(resolve, 2100)) // all of it has expired
    for (const [name, rcode] of before) {
      for (const over of ['udp', 'tcp'] as const) equal((await server.ask(name, {}, over)).split(' ')[0], rcode, name)
    }
    match(await server.ask('unknown.example.org'), /^SERVFAIL/)
  }))

test.run()
