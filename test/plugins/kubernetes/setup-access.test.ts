/** How the directive's block says where the API server is, and how to deal with it. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { ApiSettings } from '../../../plugins/kubernetes/source/source.ts'
import { corefileFailures } from '../../harness/corefile-failure.ts'
import { settingsOf } from './cluster.ts'

const FOLDER = { folder: '/etc/coredns' }

interface Good {
  name: string
  body?: string
  /** What of the settings is to be seen. */
  is: (api: ApiSettings) => unknown
  equals: unknown
}

const good: Good[] = [
  {
    name: 'its source is the cluster it runs in',
    is: api => api,
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
  {
    name: 'endpoint',
    body: 'endpoint http://10.0.0.1:8080',
    is: api => api.endpoint,
    equals: 'http://10.0.0.1:8080',
  },
  {
    name: 'endpoint, the first of several',
    body: 'endpoint https://a:6443 https://b:6443',
    is: api => api.endpoint,
    equals: 'https://a:6443',
  },
  {
    name: 'tls',
    body: 'endpoint https://a\ntls cert.pem /key.pem ca.pem',
    is: api => api.tls,
    equals: {
      cert: '/etc/coredns/cert.pem',
      key: '/key.pem',
      ca: '/etc/coredns/ca.pem',
    },
  },
  {
    name: 'kubeconfig',
    body: 'kubeconfig admin.conf',
    is: api => api.kubeconfig,
    equals: { file: '/etc/coredns/admin.conf', context: undefined },
  },
  {
    name: 'kubeconfig with context',
    body: 'kubeconfig /a b',
    is: api => api.kubeconfig,
    equals: { file: '/a', context: 'b' },
  },
  { name: 'apiserver_qps', body: 'apiserver_qps 12.5', is: api => api.qps, equals: 12.5 },
  { name: 'apiserver_burst', body: 'apiserver_burst 50', is: api => api.burst, equals: 50 },
  { name: 'apiserver_max_inflight', body: 'apiserver_max_inflight 8', is: api => api.maxInflight, equals: 8 },
]

for (const { name, body = '', is, equals } of good) {
  test(`reads ${name}`, () => {
    const { source } = settingsOf('cluster.local', body, FOLDER)
    assert.ok('api' in source)
    assert.equal(is(source.api), equals)
  })
}

const bad: { name: string; body: string; at: string; says: RegExp }[] = [
  {
    name: 'an endpoint with a query',
    body: 'endpoint https://a:6443?b=c',
    at: '3:10',
    says: /^invalid endpoint/,
  },
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
  {
    name: 'manifests and endpoint',
    body: 'manifests a\nendpoint http://b',
    at: '4:1',
    says: /^"endpoint" besides "manifests"/,
  },
  {
    name: 'manifests and a limit',
    body: 'manifests a\napiserver_qps 5',
    at: '4:1',
    says: /^"apiserver_qps" besides "manifests"/,
  },
  { name: 'compare and manifests', body: 'compare 5m\nmanifests d', at: '4:1', says: /^"manifests" besides/ },
  { name: 'tls and manifests', body: 'tls a b c\nmanifests d', at: '4:1', says: /^"manifests" besides "tls"/ },
  {
    name: 'manifests and kubeconfig',
    body: 'manifests a\nkubeconfig b',
    at: '4:1',
    says: /^"kubeconfig" besides "manifests"/,
  },
]

for (const { name, body, at, says } of bad) {
  test(`refuses ${name}`, () => {
    const [error, ...more] = corefileFailures(() => settingsOf('cluster.local', body, FOLDER))
    assert.is(more.length, 0)
    assert.is(`${error!.line}:${error!.column}`, at)
    assert.match(error!.message, says)
  })
}

test.run()
