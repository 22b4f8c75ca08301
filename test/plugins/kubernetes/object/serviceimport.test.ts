/** ServiceImports, and the EndpointSlices that were imported for them (KEP-1645), cut down to what is served. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { AnyKind } from '../../../../plugins/kubernetes/object/object.ts'
import { trim } from '../../../../plugins/kubernetes/object/trim.ts'

const at = { name: 'web', namespace: 'prod' }
const port = { name: 'HTTP', protocol: 'TCP', port: 80 }
const noService = { kind: 'service', ...at, clusterIPs: [], headless: false, externalName: undefined, ports: [] }
const noSlice = { kind: 'endpointslice', ...at, service: 'web', endpoints: [], ports: [], lastChangeTriggerMs: 0 }
const sliceOf = { ...at, labels: { 'kubernetes.io/service-name': 'web' } }
const endpoint = { addresses: ['10.0.0.1'], hostname: '', podName: '' }
const imported = (labels: Record<string, string>) => {
  const prefix = 'multicluster.kubernetes.io'
  const entries = Object.entries({ 'service-name': 'web', ...labels }).map(([key, value]) => [
    `${prefix}/${key}`,
    value,
  ])
  return { ...at, labels: Object.fromEntries(entries) }
}

const rows: { name: string; kind: AnyKind; json: unknown; is: unknown }[] = [
  {
    name: 'one that was imported belongs to no service of this cluster',
    kind: 'endpointslice',
    json: { metadata: imported({ 'source-cluster': 'east' }) },
    is: { ...noSlice, service: '' },
  },
  {
    name: 'its ServiceImport and its cluster, in lower case',
    kind: 'importedslice',
    json: { metadata: imported({ 'source-cluster': 'East' }), endpoints: [{ addresses: ['10.0.0.1'] }] },
    is: { ...noSlice, cluster: 'east', endpoints: [endpoint] },
  },
  {
    name: 'a cluster of two labels',
    kind: 'importedslice',
    json: { metadata: imported({ 'source-cluster': 'east.registry' }) },
    is: { ...noSlice, cluster: 'east.registry' },
  },
  { name: 'no cluster', kind: 'importedslice', json: { metadata: imported({}) }, is: noSlice },
  {
    name: 'a cluster that can stand in no name',
    kind: 'importedslice',
    json: { metadata: imported({ 'source-cluster': '_east' }) },
    is: noSlice,
  },
  {
    name: 'a slice of this cluster',
    kind: 'importedslice',
    json: { metadata: sliceOf },
    is: { ...noSlice, service: '' },
  },

  {
    name: 'ClusterSetIPs',
    kind: 'serviceimport',
    json: { metadata: at, spec: { type: 'ClusterSetIP', ips: ['10.112.0.1', 'fd00::1'], ports: [port] } },
    is: {
      ...noService,
      clusterIPs: ['10.112.0.1', 'fd00::1'],
      ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
    },
  },
  {
    name: 'headless',
    kind: 'serviceimport',
    json: { metadata: at, spec: { type: 'Headless', ips: ['10.112.0.1'] } },
    is: { ...noService, headless: true },
  },
  { name: 'one that waits for its addresses', kind: 'serviceimport', json: { metadata: at, spec: {} }, is: noService },
  {
    name: 'fields of wrong types',
    kind: 'serviceimport',
    json: { metadata: at, spec: { ips: 'x', type: 1 } },
    is: noService,
  },
  {
    name: 'a name that is none',
    kind: 'serviceimport',
    json: { metadata: { ...at, name: 'a.b' } },
    is: 'name "a.b" is no DNS label',
  },
  { name: 'a list', kind: 'serviceimport', json: [], is: 'is no object' },
]

for (const { name, kind, json, is } of rows) {
  test(`${kind}: ${name}`, () => {
    assert.equal(trim(kind, json), is)
  })
}

test.run()
