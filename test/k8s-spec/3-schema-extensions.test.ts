/**
 * An implementation may add to the schema, as long as the records of the specification stay a part of what it serves:
 * under every option that adds names, one record of each section is still the same.
 */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { externalName, pod, service, slice } from '../plugins/kubernetes/cluster.ts'
import { NIBBLES, specCluster } from './sentences.ts'

const PORTS = ['https:tcp:443']
const objects = [
  service('kubernetes.default', ['10.3.0.1', '2001:db8::1'], PORTS),
  slice('kubernetes-1.default', 'kubernetes', ['10.4.0.1@pod-2'], PORTS),
  service('headless.default', [], PORTS),
  slice('headless-1.default', 'headless', ['10.3.0.100=my-pet@pod-0', '10.3.0.101@pod-1'], PORTS),
  externalName('foo.default', 'www.example.com'),
  pod('pod-0.default', '10.3.0.100'),
]

const records: { section: string; ask: string; type: string; has: string }[] = [
  { section: '2.2', ask: 'dns-version', type: 'TXT', has: 'dns-version.cluster.local. 28800 IN TXT "1.1.0"' },
  { section: '2.3.1', ask: 'kubernetes.default.svc', type: 'A', has: ' 30 IN A 10.3.0.1' },
  { section: '2.3.1', ask: 'kubernetes.default.svc', type: 'AAAA', has: ' 30 IN AAAA 2001:db8::1' },
  {
    section: '2.3.2',
    ask: '_https._tcp.kubernetes.default.svc',
    type: 'SRV',
    has: ' 443 kubernetes.default.svc.cluster.local.',
  },
  { section: '2.3.3', ask: '1.0.3.10.in-addr.arpa.', type: 'PTR', has: ' kubernetes.default.svc.cluster.local.' },
  { section: '2.3.3', ask: `${NIBBLES}.ip6.arpa.`, type: 'PTR', has: ' kubernetes.default.svc.cluster.local.' },
  { section: '2.4.1', ask: 'headless.default.svc', type: 'A', has: ' 30 IN A 10.3.0.101' },
  { section: '2.4.1', ask: 'my-pet.headless.default.svc', type: 'A', has: ' 30 IN A 10.3.0.100' },
  {
    section: '2.4.2',
    ask: '_https._tcp.headless.default.svc',
    type: 'SRV',
    has: ' 443 my-pet.headless.default.svc.cluster.local.',
  },
  {
    section: '2.4.3',
    ask: '100.0.3.10.in-addr.arpa.',
    type: 'PTR',
    has: ' my-pet.headless.default.svc.cluster.local.',
  },
  { section: '2.5', ask: 'foo.default.svc', type: 'CNAME', has: ' 30 IN CNAME www.example.com.' },
]

const extensions = [
  'pods insecure',
  'pods verified',
  'endpoint_pod_names',
  'ignore empty_service',
  'fallthrough',
  'namespaces default',
]

for (const body of extensions) {
  const cluster = specCluster(objects, body)
  for (const { section, ask, type, has } of records) {
    const name = ask.endsWith('.') ? ask.slice(0, -1) : `${ask}.cluster.local`
    test(`k8s-dns §3: "${body}" leaves §${section}: ${name} ${type}`, async () => {
      const reply = await cluster.ask(name, { type })
      assert.ok(reply.startsWith('NOERROR aa rd\n;; ANSWER\n') && reply.includes(has), reply)
    })
  }
}

test.run()
