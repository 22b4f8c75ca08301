import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Query, Stage } from '../../../server/plugin.ts'
import { clusterOf, namespace, pod, service } from './cluster.ts'

const LABELS = ['kind', 'namespace', 'service', 'endpoint', 'port-name', 'protocol', 'parse-error']
const objects = [
  namespace('prod'),
  service('web.prod', ['10.96.0.1'], ['http:tcp:80']),
  { ...pod('web-0.prod', '192.0.2.9', '2001:db8::9'), metadata: labelled('web-0', { app: 'web', tier: 'a' }) },
  { ...pod('web-1.prod', '192.0.2.8'), metadata: labelled('web-1', { app: '' }) },
  pod('node-a.prod', '192.0.2.7'),
  pod('node-b.prod', '192.0.2.7'),
]

function labelled(name: string, labels: Record<string, string>) {
  return { namespace: 'prod', name, labels }
}

/** A cluster, and what its labels (those of LABELS, or these) say about a query. */
function clusterWith(body: string, wanted: readonly string[] = [], zones?: string) {
  let values: (string | undefined)[] = []
  let labels = LABELS
  let asker = ''
  const reads: Stage = {
    observe: (q, a) => {
      if (asker !== '') q.peer = { ...q.peer, address: asker } as Query['peer']
      values = labels.map(label => cluster.stage.metadata(`kubernetes/${label}`)!(q, a))
    },
  }
  const site = { plugins: ['metadata'], wantedMetadata: new Set(wanted.map(label => `kubernetes/${label}`)) }
  const cluster = clusterOf({ body, objects, behind: [reads], site, ...(zones && { zones }) })
  const about = async (name: string, type = 'A', of: string[] = LABELS, from = '') => {
    labels = of
    asker = from
    await cluster.ask(name, { type })
    return values
  }
  return { ...cluster, about }
}

const { about } = clusterWith('pods insecure')
const NONE = LABELS.map(() => undefined)
const parseError = [...NONE.slice(1), 'invalid query name']
const at = (...parts: string[]) => [...LABELS.slice(0, -1).map((_, i) => parts[i] ?? ''), undefined]

for (const { name, ask, is } of [
  { name: 'a service', ask: 'web.prod.svc.cluster.local', is: at('svc', 'prod', 'web') },
  { name: 'one that does not exist', ask: 'x.y.svc.cluster.local', is: at('svc', 'y', 'x') },
  { name: 'any case', ask: 'WEB.Prod.SVC.cluster.local', is: at('svc', 'prod', 'web') },
  { name: 'an endpoint', ask: 'web-0.web.prod.svc.cluster.local', is: at('svc', 'prod', 'web', 'web-0') },
  {
    name: 'a port',
    ask: '_http._tcp.web.prod.svc.cluster.local',
    is: at('svc', 'prod', 'web', '', 'http', 'tcp'),
  },
  {
    name: 'a port without underscores',
    ask: 'http.tcp.web.prod.svc.cluster.local',
    is: at('svc', 'prod', 'web', '', 'http', 'tcp'),
  },
  { name: 'a pod', ask: '10-0-0-1.prod.pod.cluster.local', is: at('pod', 'prod', '10-0-0-1') },
  { name: 'a namespace', ask: 'prod.svc.cluster.local', is: at('svc', 'prod') },
  { name: 'no kind yet', ask: 'svc.cluster.local', is: at() },
  { name: 'the zone', ask: 'cluster.local', is: at() },
  { name: 'another word than svc', ask: 'web.prod.cvs.cluster.local', is: parseError },
  { name: 'the version', ask: 'dns-version.cluster.local', is: parseError },
  { name: 'too many labels', ask: 'a.b.c.web.prod.svc.cluster.local', is: parseError },
  { name: 'a reverse name', ask: '1.0.96.10.in-addr.arpa', is: parseError },
  { name: 'a name outside', ask: 'web.prod.svc.example', is: NONE },
  { name: 'escapes', ask: 'a b.prod.svc.cluster.local', is: at('svc', 'prod', 'a\\032b') },
]) {
  test(`${name}: ${ask}`, async () => assert.equal(await about(ask), is))
}

const set = clusterWith('zonal\nmulticluster clusterset.local', [], 'cluster.local clusterset.local')
const SET_LABELS = ['endpoint', 'cluster', 'zone', 'port-name', 'protocol', 'service', 'parse-error']
for (const { name, ask, is } of [
  {
    name: 'multicluster: an endpoint and its cluster',
    ask: 'web-0.east.web.prod.svc.clusterset.local',
    is: ['web-0', 'east', undefined, '', '', 'web'],
  },
  {
    name: 'multicluster: a cluster of two labels',
    ask: 'web-0.east.reg.web.prod.svc.clusterset.local',
    is: ['web-0', 'east.reg', undefined, '', '', 'web'],
  },
  {
    name: 'multicluster: a port',
    ask: '_http._tcp.web.prod.svc.clusterset.local',
    is: ['', '', undefined, 'http', 'tcp', 'web'],
  },
  { name: 'multicluster: a service', ask: 'web.prod.svc.clusterset.local', is: ['', '', undefined, '', '', 'web'] },
  {
    name: 'zonal: a zone',
    ask: 'eu-1a.pin._zone.web.prod.svc.cluster.local',
    is: ['', undefined, 'eu-1a', '', '', 'web'],
  },
  {
    name: 'zonal: a zone of two labels',
    ask: 'corp.example.prefer._zone.web.prod.svc.cluster.local',
    is: ['', undefined, 'corp.example', '', '', 'web'],
  },
  { name: 'zonal: a service', ask: 'web.prod.svc.cluster.local', is: ['', undefined, '', '', '', 'web'] },
  {
    name: 'zonal: an unknown directive',
    ask: 'eu-1a.florp._zone.web.prod.svc.cluster.local',
    is: [undefined, undefined, undefined, undefined, undefined, undefined, 'invalid query name'],
  },
]) {
  test(`${name}: ${ask}`, async () =>
    assert.equal(
      await set.about(ask, 'A', SET_LABELS),
      Object.assign(
        [],
        SET_LABELS.map(() => undefined),
        is,
      ),
    ))
}

const CLIENT = ['client-namespace', 'client-pod-name', 'client-label/app', 'client-label/tier']
const verified = clusterWith('pods verified', ['client-label/app', 'other/label'])

for (const { name, from, is } of [
  { name: 'by its address', from: '192.0.2.9', is: ['prod', 'web-0', 'web', undefined] },
  { name: 'by its other address', from: '2001:db8::9', is: ['prod', 'web-0', 'web', undefined] },
  { name: 'with an empty label', from: '192.0.2.8', is: ['prod', 'web-1', '', undefined] },
  { name: 'a node that several pods are on', from: '192.0.2.7', is: [undefined, undefined, undefined, undefined] },
  { name: 'nobody we know', from: '192.0.2.1', is: [undefined, undefined, undefined, undefined] },
  { name: 'an address with a zone', from: 'fe80::1%eth0', is: [undefined, undefined, undefined, undefined] },
]) {
  test(`the client, ${name}, whatever it asks`, async () => {
    assert.equal(await verified.about('web.prod.svc.cluster.local', 'A', CLIENT, from), is)
    assert.equal(await verified.about('www.example', 'A', CLIENT, from), is)
  })
}

test('a label that changes is seen, one that is gone is not', async () => {
  const { put, about } = clusterWith('pods verified', ['client-label/app'])
  const with_ = (labels: Record<string, string>) =>
    put({ ...pod('web-0.prod', '192.0.2.9'), metadata: labelled('web-0', labels) })
  const app = async () => (await about('a', 'A', ['client-label/app'], '192.0.2.9'))[0]
  assert.is(await app(), 'web')
  with_({ app: 'db' })
  assert.is(await app(), 'db')
  with_({ tier: 'a' })
  assert.is(await app(), undefined)
  with_({ app: 'x'.repeat(64) })
  assert.is(await app(), undefined)
})

test('labels that nobody asks for take no memory', () => {
  const many = Array.from({ length: 500 }, (_, i) => ({
    ...pod(`p.prod`, `10.0.${i >> 8}.${i & 255}`),
    metadata: labelled(`p-${i}`, { app: 'web', 'pod-template-hash': 'x'.repeat(40) }),
  }))
  const bytesWith = (wanted: string[]) => {
    const { put, index } = clusterWith('pods verified', wanted)
    const beforeBytes = index.slab.usedBytes
    put(...many)
    return index.slab.usedBytes - beforeBytes
  }
  const none = bytesWith([])
  assert.is(bytesWith(['client-pod-name']), none)
  assert.ok(bytesWith(['client-label/pod-template-hash']) >= none + 500 * 40)
})

test('pods that are not verified are not known', async () => {
  const { about } = clusterWith('pods insecure', ['client-label/app'])
  assert.equal(await about('a', 'A', CLIENT, '192.0.2.9'), [undefined, undefined, undefined, undefined])
})

test('no other labels', () => {
  const { stage } = clusterWith('')
  for (const label of ['kubernetes/', 'kubernetes/name', 'forward/upstream', 'kind'])
    assert.is(stage.metadata(label), undefined, label)
})

test.run()
