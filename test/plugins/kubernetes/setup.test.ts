import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Settings } from '../../../plugins/kubernetes/settings.ts'
import { feedKey } from '../../../plugins/kubernetes/setup.ts'
import { CorefileError, CorefileErrors } from '../../../server/plugin.ts'
import { nameToText } from '../../../server/wire/name.ts'
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
    is: ({ zones: _, source: __, ...rest }) => rest,
    equals: {
      ttl: 5,
      pods: 'disabled',
      namespaces: [],
      endpointPodNames: false,
      noEndpoints: false,
      ignoreEmptyService: false,
      fallthrough: undefined,
      startupTimeoutMs: 5000,
    },
  },
  {
    name: 'its source is the cluster it runs in',
    is: api,
    equals: {
      kinds: ['namespace', 'service', 'endpointslice'],
      labels: undefined,
      namespaceLabels: undefined,
      endpoint: undefined,
      tls: undefined,
      kubeconfig: undefined,
      qps: 0,
      burst: 0,
      maxInflight: 0,
      compareMs: 600_000,
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
    name: 'endpoint',
    body: 'endpoint http://10.0.0.1:8080',
    is: s => api(s)!.endpoint,
    equals: 'http://10.0.0.1:8080',
  },
  {
    name: 'endpoint, the first of several',
    body: 'endpoint https://a:6443 https://b:6443',
    is: s => api(s)!.endpoint,
    equals: 'https://a:6443',
  },
  {
    name: 'tls',
    body: 'endpoint https://a\ntls cert.pem /key.pem ca.pem',
    is: s => api(s)!.tls,
    equals: {
      cert: '/etc/coredns/cert.pem',
      key: '/key.pem',
      ca: '/etc/coredns/ca.pem',
    },
  },
  {
    name: 'kubeconfig',
    body: 'kubeconfig admin.conf',
    is: s => api(s)!.kubeconfig,
    equals: { file: '/etc/coredns/admin.conf', context: undefined },
  },
  {
    name: 'kubeconfig with context',
    body: 'kubeconfig /a b',
    is: s => api(s)!.kubeconfig,
    equals: { file: '/a', context: 'b' },
  },
  { name: 'apiserver_qps', body: 'apiserver_qps 12.5', is: s => api(s)!.qps, equals: 12.5 },
  { name: 'apiserver_burst', body: 'apiserver_burst 50', is: s => api(s)!.burst, equals: 50 },
  { name: 'apiserver_max_inflight', body: 'apiserver_max_inflight 8', is: s => api(s)!.maxInflight, equals: 8 },
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
    name: 'multicluster',
    body: 'multicluster clusterset.local',
    at: '3:1',
    says: /"multicluster" of CoreDNS is not available/,
  },
  { name: 'zonal', body: 'zonal', at: '3:1', says: /"zonal" of CoreDNS is not available/ },
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
  { name: 'endpoint without one', body: 'endpoint', at: '3:1', says: /^missing argument/ },
  { name: 'an endpoint that is no URL', body: 'endpoint ftp://a', at: '3:10', says: /^invalid endpoint "ftp:\/\/a"/ },
  { name: 'tls with two files', body: 'tls a b', at: '3:7', says: /^missing argument of "tls"/ },
  { name: 'kubeconfig without a file', body: 'kubeconfig', at: '3:1', says: /^missing argument/ },
  { name: 'kubeconfig with two contexts', body: 'kubeconfig a b c', at: '3:16', says: /^surplus argument "c"/ },
  {
    name: 'apiserver_qps negative',
    body: 'apiserver_qps -1',
    at: '3:15',
    says: /^invalid number of requests per second "-1"/,
  },
  {
    name: 'apiserver_burst with a fraction',
    body: 'apiserver_burst 1.5',
    at: '3:17',
    says: /^invalid number of requests "1.5"/,
  },
  {
    name: 'apiserver_max_inflight negative',
    body: 'apiserver_max_inflight -1',
    at: '3:24',
    says: /^invalid number of requests "-1"/,
  },
  { name: 'manifests without a folder', body: 'manifests', at: '3:1', says: /^missing argument/ },
  {
    name: 'manifests and endpoint',
    body: 'manifests a\nendpoint http://b',
    at: '4:1',
    says: /^"endpoint" besides "manifests"/,
  },
  { name: 'tls and manifests', body: 'tls a b c\nmanifests d', at: '4:1', says: /^"manifests" besides "tls"/ },
  {
    name: 'manifests and kubeconfig',
    body: 'manifests a\nkubeconfig b',
    at: '4:1',
    says: /^"kubeconfig" besides "manifests"/,
  },
]

for (const { name, line = 'cluster.local', body = '', at, says } of bad) {
  test(`refuses ${name}`, () => {
    const [error, ...more] = errorsOf(() => settingsOf(line, body, FOLDER))
    assert.is(more.length, 0)
    assert.is(`${error!.line}:${error!.column}`, at)
    assert.match(error!.message, says)
    assert.is(error!.directive, 'kubernetes')
  })
}

test('all mistakes of a block are told at once', () => {
  const errors = errorsOf(() => settingsOf('cluster.local', 'ttl x\npods y\nzonal', FOLDER))
  assert.equal(
    errors.map(({ line }) => line),
    [3, 4, 5],
  )
})

function errorsOf(run: () => unknown): readonly CorefileError[] {
  try {
    run()
  } catch (error) {
    if (error instanceof CorefileErrors) return error.errors
    if (error instanceof CorefileError) return [error]
    throw error
  }
  throw new Error('no error, expected one')
}

const keys: { name: string; one: string; other: string; same: boolean }[] = [
  { name: 'TTL and pods insecure', one: 'ttl 5', other: 'ttl 30\npods insecure\nfallthrough', same: true },
  { name: 'pods verified', one: '', other: 'pods verified', same: false },
  { name: 'labels', one: 'labels a=b', other: 'labels a=c', same: false },
  { name: 'labels that say the same', one: 'labels a=b', other: 'labels a==b', same: true },
  { name: 'endpoint_pod_names', one: '', other: 'endpoint_pod_names', same: false },
  { name: 'the endpoint', one: 'endpoint http://a', other: 'endpoint http://b', same: false },
  { name: 'the source', one: '', other: 'manifests a', same: false },
]
for (const { name, one, other, same } of keys) {
  test(`a reload that changes ${name} ${same ? 'keeps' : 'replaces'} the index`, () => {
    const [a, b] = [feedKey(settingsOf('cluster.local', one)), feedKey(settingsOf('cluster.local', other))]
    assert.is(a === b, same)
  })
}

test.run()
