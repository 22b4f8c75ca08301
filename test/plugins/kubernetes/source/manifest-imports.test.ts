/** What manifests say of a cluster set: ServiceImports, and the EndpointSlices that were imported for them. */
import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import type { AnyKind } from '../../../../plugins/kubernetes/object/object.ts'
import { parseSelector } from '../../../../plugins/kubernetes/object/selector.ts'
import { ManifestsSource } from '../../../../plugins/kubernetes/source/manifests.ts'
import type { Selection } from '../../../../plugins/kubernetes/source/source.ts'
import { temporaryFolder } from '../../../harness/server.ts'
import { RecordStore } from './record-store.ts'

const test = suite('manifests of a cluster set')

const ALL: readonly AnyKind[] = ['service', 'endpointslice', 'namespace', 'serviceimport', 'importedslice']
const slice = (name: string, labels: Record<string, string>) => ({
  apiVersion: 'discovery.k8s.io/v1',
  kind: 'EndpointSlice',
  metadata: { name, namespace: 'far', labels },
  endpoints: [{ addresses: ['10.1.0.1'] }],
})
const ofImport = {
  'multicluster.kubernetes.io/service-name': 'web',
  'multicluster.kubernetes.io/source-cluster': 'east',
}
const items = [
  {
    apiVersion: 'multicluster.x-k8s.io/v1alpha1',
    kind: 'ServiceImport',
    metadata: { name: 'web', namespace: 'far' },
    spec: { type: 'ClusterSetIP', ips: ['10.112.0.1'], ports: [{ name: 'http', port: 80 }] },
  },
  { apiVersion: 'net.example/v1', kind: 'ServiceImport', metadata: { name: 'of-another-group', namespace: 'far' } },
  slice('web-east', ofImport),
  slice('web-both', { ...ofImport, 'kubernetes.io/service-name': 'derived', app: 'web' }),
  slice('web-own', { 'kubernetes.io/service-name': 'web' }),
]

/** Checks what a source makes of the manifests, takes them away, and waits until all is gone. */
async function read(over: Partial<Selection>, check: (store: RecordStore) => void): Promise<void> {
  const folder = temporaryFolder()
  folder.write('all.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items }))
  const store = new RecordStore()
  const source = new ManifestsSource({
    kinds: ALL,
    labels: undefined,
    namespaceLabels: undefined,
    folder: folder.path,
    ...over,
  })
  try {
    await source.start(store)
    check(store)
    folder.write('all.json', JSON.stringify({ apiVersion: 'v1', kind: 'List', items: [] }))
    await store.until(() => ALL.every(kind => store.names(kind).length === 0))
  } finally {
    await source.stop()
    folder.remove()
  }
}

test('they are kinds of their own; a slice may be of both', () =>
  read({}, store => {
    assert.equal(store.names('namespace'), ['far'])
    assert.equal(store.names('serviceimport'), ['far/web'])
    assert.equal(store.get('serviceimport', 'far/web').clusterIPs, ['10.112.0.1'])
    assert.equal(store.names('importedslice'), ['far/web-both', 'far/web-east'])
    const { service, cluster } = store.get('importedslice', 'far/web-both')
    assert.equal([service, cluster], ['web', 'east'])
    assert.is(store.get('endpointslice', 'far/web-both').service, 'derived')
    assert.equal([...store.synced].sort(), [...ALL].sort())
  }))

test('labels select the slices, not the ServiceImports', () =>
  read({ labels: parseSelector('app=web') }, store => {
    assert.equal(store.names('serviceimport'), ['far/web'])
    assert.equal(store.names('importedslice'), ['far/web-both'])
  }))

test('nobody asks for them: they are not kept', () =>
  read({ kinds: ALL.slice(0, 3) }, store => {
    assert.equal(store.names('serviceimport'), [])
    assert.equal(store.names('importedslice'), [])
    assert.equal(store.names('endpointslice'), ['far/web-both', 'far/web-east', 'far/web-own'])
  }))

test.run()
