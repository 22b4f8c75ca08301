/** The directive read from a Corefile; what it says of access to the API server stands in setup-access.test.ts. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Settings } from '../../../plugins/kubernetes/settings.ts'
import { feedKey } from '../../../plugins/kubernetes/setup.ts'
import { nameToText } from '../../../server/wire/name.ts'
import { corefileFailures } from '../../harness/corefile-failure.ts'
import { settingsOf } from './cluster.ts'

const FOLDER = { folder: '/etc/coredns' }

interface Good {
  name: string
  line?: string
  body?: string
  /** What of the settings is to be seen. */
  is: (settings: Settings) => unknown
  equals: unknown
}

const api = (settings: Settings) => ('api' in settings.source ? settings.source.api : undefined)
const zones = ({ zones }: Settings) => zones.map(zone => nameToText(zone))

const good: Good[] = [
  {
    name: 'the block has no properties',
    is: ({ zones: _, source: __, place: ___, ...rest }) => rest,
    equals: {
      ttl: 5,
      pods: 'disabled',
      namespaces: [],
      endpointPodNames: false,
      multicluster: [],
      zonal: false,
      podLabels: [],
      noEndpoints: false,
      ignoreEmptyService: false,
      fallthrough: undefined,
      startupTimeoutMs: 5000,
      snapshot: undefined,
    },
  },
  { name: 'zones', line: 'Cluster.Local in-addr.arpa', is: zones, equals: ['cluster.local.', 'in-addr.arpa.'] },
  { name: 'zones of the server block', line: '', is: zones, equals: ['.'] },
  { name: 'a CIDR', line: 'cluster.local 10.0.0.0/8', is: zones, equals: ['cluster.local.', '10.in-addr.arpa.'] },
  { name: 'ttl', body: 'ttl 3600', is: s => s.ttl, equals: 3600 },
  { name: 'ttl zero', body: 'ttl 0', is: s => s.ttl, equals: 0 },
  {
    name: 'pods disabled',
    body: 'pods disabled',
    is: s => [s.pods, api(s)!.kinds.includes('pod')],
    equals: ['disabled', false],
  },
  {
    name: 'pods insecure',
    body: 'pods insecure',
    is: s => [s.pods, api(s)!.kinds.includes('pod')],
    equals: ['insecure', false],
  },
  {
    name: 'pods verified',
    body: 'pods verified',
    is: s => [s.pods, api(s)!.kinds.includes('pod')],
    equals: ['verified', true],
  },
  { name: 'namespaces', body: 'namespaces a b\nnamespaces c', is: s => s.namespaces, equals: ['a', 'b', 'c'] },
  {
    name: 'namespace_labels',
    body: 'namespace_labels team=dns',
    is: s => api(s)!.namespaceLabels?.text,
    equals: 'team in (dns)',
  },
  {
    name: 'labels in several words',
    body: 'labels env in (a, b), !old, x!=y',
    is: s => api(s)!.labels?.text,
    equals: 'env in (a,b),!old,x notin (y)',
  },
  { name: 'endpoint_pod_names', body: 'endpoint_pod_names', is: s => s.endpointPodNames, equals: true },
  {
    name: 'multicluster',
    line: 'cluster.local ClusterSet.local in-addr.arpa',
    body: 'multicluster clusterset.LOCAL.',
    is: s => [s.multicluster.map(zone => nameToText(zone)), api(s)!.kinds],
    equals: [['clusterset.local.'], ['namespace', 'service', 'endpointslice', 'serviceimport', 'importedslice']],
  },
  {
    name: 'multicluster with noendpoints: those of other clusters are known',
    body: 'multicluster cluster.local\nnoendpoints',
    is: s => api(s)!.kinds,
    equals: ['namespace', 'service', 'serviceimport', 'importedslice'],
  },
  {
    name: 'multicluster without zones, or with reverse zones alone: nothing is asked for',
    line: 'cluster.local in-addr.arpa',
    body: 'multicluster\nmulticluster in-addr.arpa',
    is: s => api(s)!.kinds,
    equals: ['namespace', 'service', 'endpointslice'],
  },
  {
    name: 'two multicluster lines, of which the last counts',
    line: 'a b',
    body: 'multicluster a\nmulticluster b',
    is: s => s.multicluster.map(zone => nameToText(zone)),
    equals: ['b.'],
  },
  { name: 'zonal', body: 'zonal', is: s => s.zonal, equals: true },
  {
    name: 'noendpoints',
    body: 'noendpoints',
    is: s => [s.noEndpoints, api(s)!.kinds],
    equals: [true, ['namespace', 'service']],
  },
  { name: 'fallthrough', body: 'fallthrough', is: s => s.fallthrough?.map(zone => nameToText(zone)), equals: ['.'] },
  {
    name: 'fallthrough with zones',
    body: 'fallthrough in-addr.arpa ip6.arpa',
    is: s => s.fallthrough?.length,
    equals: 2,
  },
  { name: 'ignore', body: 'ignore', is: s => s.ignoreEmptyService, equals: false },
  { name: 'ignore empty_service', body: 'ignore empty_service', is: s => s.ignoreEmptyService, equals: true },
  { name: 'startup_timeout', body: 'startup_timeout 1m30s', is: s => s.startupTimeoutMs, equals: 90_000 },
  {
    name: 'snapshot',
    body: 'snapshot ../state/dns.snapshot',
    is: s => s.snapshot?.file,
    equals: '/etc/state/dns.snapshot',
  },
  {
    name: 'manifests',
    body: 'manifests examples\nlabels a=b',
    is: s => ('manifests' in s.source ? [s.source.manifests.folder, s.source.manifests.labels?.text] : ''),
    equals: ['/etc/coredns/examples', 'a in (b)'],
  },
]

for (const { name, line = 'cluster.local', body = '', is, equals } of good) {
  test(`reads ${name}`, () => {
    assert.equal(is(settingsOf(line, body, FOLDER)), equals)
  })
}

/** `line` is 3 for the first property; the directive stands in line 2, column 1. */
const bad: { name: string; line?: string; body?: string; at: string; says: RegExp }[] = [
  { name: 'a zone that is none', line: 'cluster..local', at: '2:12', says: /empty label/ },
  {
    name: 'only reverse zones',
    line: 'in-addr.arpa 10.0.0.0/8',
    at: '2:1',
    says: /^only reverse zones, .*, expected a zone for cluster names/,
  },
  {
    name: 'an unknown property',
    body: 'tttl 5',
    at: '3:1',
    says: /^unknown property "tttl" — did you mean "ttl"|^unknown property "tttl"/,
  },
  { name: 'upstream, which is gone', body: 'upstream 8.8.8.8', at: '3:1', says: /^unknown property "upstream"/ },
  { name: 'resyncperiod, which is gone', body: 'resyncperiod 5m', at: '3:1', says: /^unknown property "resyncperiod"/ },
  { name: 'transfer, which is gone', body: 'transfer to *', at: '3:1', says: /^unknown property "transfer"/ },
  {
    name: 'a multicluster zone that is none of the zones',
    body: 'multicluster cluster.local clusterset.local',
    at: '3:28',
    says: /^zone "clusterset.local." is none that this directive answers for, expected one of cluster.local.$/,
  },
  { name: 'a multicluster zone that is no zone', body: 'multicluster a..b', at: '3:14', says: /empty label/ },
  { name: 'zonal with an argument', body: 'zonal yes', at: '3:7', says: /^surplus argument "yes"/ },
  {
    name: 'zonal and noendpoints',
    body: 'zonal\nnoendpoints',
    at: '4:1',
    says: /^"noendpoints" besides "zonal" in line 3, expected only one of them$/,
  },
  { name: 'noendpoints and zonal', body: 'noendpoints\nzonal', at: '4:1', says: /^"zonal" besides "noendpoints"/ },
  { name: 'ttl without a number', body: 'ttl', at: '3:1', says: /^missing argument of "ttl"/ },
  {
    name: 'ttl too large',
    body: 'ttl 3601',
    at: '3:5',
    says: /^invalid ttl "3601", expected a whole number from 0 to 3600$/,
  },
  { name: 'ttl negative', body: 'ttl -1', at: '3:5', says: /^invalid ttl "-1"/ },
  { name: 'two TTLs', body: 'ttl 1 2', at: '3:7', says: /^surplus argument "2"/ },
  { name: 'pods without a mode', body: 'pods', at: '3:1', says: /^missing argument/ },
  {
    name: 'an unknown pod mode',
    body: 'pods verify',
    at: '3:6',
    says: /^unknown pod mode "verify".* expected disabled, insecure or verified$/,
  },
  { name: 'namespaces without one', body: 'namespaces', at: '3:1', says: /^missing argument/ },
  { name: 'a namespace that is none', body: 'namespaces a B_', at: '3:14', says: /^invalid namespace "B_"/ },
  {
    name: 'namespaces and namespace_labels',
    body: 'namespaces a\nnamespace_labels b=c',
    at: '4:1',
    says: /^"namespace_labels" besides "namespaces" in line 3, expected only one/,
  },
  {
    name: 'namespace_labels and namespaces',
    body: 'namespace_labels b=c\nnamespaces a',
    at: '4:1',
    says: /^"namespaces" besides "namespace_labels"/,
  },
  { name: 'labels without a selector', body: 'labels', at: '3:1', says: /^missing argument/ },
  { name: 'a selector that is none', body: 'labels a in b', at: '3:8', says: /^"b" in label selector, expected "\("$/ },
  { name: 'a namespace selector that is none', body: 'namespace_labels =', at: '3:18', says: /^invalid label "="/ },
  {
    name: 'endpoint_pod_names with an argument',
    body: 'endpoint_pod_names yes',
    at: '3:20',
    says: /^surplus argument "yes"/,
  },
  { name: 'noendpoints with an argument', body: 'noendpoints yes', at: '3:13', says: /^surplus argument "yes"/ },
  { name: 'fallthrough to no zone', body: 'fallthrough a..b', at: '3:13', says: /empty label/ },
  {
    name: 'ignore something else',
    body: 'ignore emptyservice',
    at: '3:8',
    says: /^unknown thing to ignore "emptyservice".* expected empty_service$/,
  },
  {
    name: 'startup_timeout without a unit',
    body: 'startup_timeout 5',
    at: '3:17',
    says: /^invalid startup_timeout "5", expected a duration/,
  },
  { name: 'startup_timeout negative', body: 'startup_timeout -5s', at: '3:17', says: /^invalid startup_timeout "-5s"/ },
  { name: 'manifests without a folder', body: 'manifests', at: '3:1', says: /^missing argument/ },
  { name: 'snapshot without a file', body: 'snapshot', at: '3:1', says: /^missing argument of "snapshot"/ },
  { name: 'snapshot with two files', body: 'snapshot a b', at: '3:12', says: /^surplus argument "b"/ },
  {
    name: 'snapshot of manifests',
    body: 'manifests a\nsnapshot b',
    at: '4:1',
    says: /^"snapshot" besides "manifests" in line 3, expected only one/,
  },
]

for (const { name, line = 'cluster.local', body = '', at, says } of bad) {
  test(`refuses ${name}`, () => {
    const [error, ...more] = corefileFailures(() => settingsOf(line, body, FOLDER))
    assert.is(more.length, 0)
    assert.is(`${error!.line}:${error!.column}`, at)
    assert.match(error!.message, says)
    assert.is(error!.directive, 'kubernetes')
  })
}

test('all mistakes of a block are told at once', () => {
  const errors = corefileFailures(() => settingsOf('cluster.local', 'ttl x\npods y\nzonal z', FOLDER))
  assert.equal(
    errors.map(({ line }) => line),
    [3, 4, 5],
  )
})

for (const { name, body, plugins, wanted, kept } of [
  {
    name: 'the labels that somebody asks for',
    body: 'pods verified',
    plugins: ['metadata'],
    wanted: ['b', 'a'],
    kept: ['a', 'b'],
  },
  { name: 'none without metadata', body: 'pods verified', plugins: ['log'], wanted: ['a'], kept: [] },
  { name: 'none of pods that are not verified', body: 'pods insecure', plugins: ['metadata'], wanted: ['a'], kept: [] },
]) {
  test(`pod labels: ${name}`, () => {
    const wantedMetadata = new Set([...wanted.map(key => `kubernetes/client-label/${key}`), 'kubernetes/service'])
    const settings = settingsOf('cluster.local', body, { plugins, wantedMetadata })
    assert.equal(settings.podLabels, kept)
    assert.is(feedKey(settings) === feedKey(settingsOf('cluster.local', body)), kept.length === 0)
  })
}

const keys: { name: string; one: string; other: string; same: boolean }[] = [
  { name: 'TTL and pods insecure', one: 'ttl 5', other: 'ttl 30\npods insecure\nfallthrough', same: true },
  { name: 'pods verified', one: '', other: 'pods verified', same: false },
  { name: 'labels', one: 'labels a=b', other: 'labels a=c', same: false },
  { name: 'labels that say the same', one: 'labels a=b', other: 'labels a==b', same: true },
  { name: 'endpoint_pod_names', one: '', other: 'endpoint_pod_names', same: false },
  { name: 'zonal', one: '', other: 'zonal', same: false },
  { name: 'multicluster', one: '', other: 'multicluster cluster.local', same: false },
  { name: 'the snapshot', one: 'snapshot a', other: 'snapshot b', same: true },
  { name: 'the endpoint', one: 'endpoint http://a', other: 'endpoint http://b', same: false },
  { name: 'limits and comparisons', one: '', other: 'apiserver_qps 9\napiserver_burst 9\ncompare 1m', same: true },
  { name: 'the source', one: '', other: 'manifests a', same: false },
]
for (const { name, one, other, same } of keys) {
  test(`a reload that changes ${name} ${same ? 'keeps' : 'replaces'} the index`, () => {
    const [a, b] = [feedKey(settingsOf('cluster.local', one)), feedKey(settingsOf('cluster.local', other))]
    assert.is(a === b, same)
  })
}

test.run()
