/** Whose search path is known, and what it is. */
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import type { Query, Stage } from '../../../server/plugin.ts'
import { nameToText } from '../../../server/wire/name.ts'
import { type ClusterOptions, clusterOf, namespace, pod } from './cluster.ts'

const onNode = { ...pod('node.prod', '192.0.2.20'), status: { podIP: '192.0.2.20', hostIP: '192.0.2.20' } }
const objects = [
  namespace('prod'),
  pod('web.prod', '192.0.2.9', '2001:db8::9'),
  pod('a.prod', '192.0.2.10'),
  pod('b.other', '192.0.2.10'),
  onNode,
]

function paths(options: ClusterOptions = {}) {
  let path: readonly Uint8Array[] | undefined
  let client = ''
  const reads: Stage = {
    observe: q => {
      q.peer = { ...q.peer, address: client } as Query['peer']
      path = cluster.stage.searchPath?.(q)
    },
  }
  const cluster = clusterOf({ objects, body: 'pods verified', behind: [reads], ...options })
  const of = async (name: string, from = '192.0.2.9') => {
    client = from
    await cluster.ask(name)
    return path
  }
  return { ...cluster, of }
}

const texts = (path: readonly Uint8Array[] | undefined) => path?.map(name => nameToText(name))
const PATH = ['prod.svc.cluster.local.', 'svc.cluster.local.', 'cluster.local.']

for (const { name, ask = 'www.example.prod.svc.cluster.local', from, options, is } of [
  { name: 'a pod', is: PATH },
  { name: 'by its other address', from: '2001:db8::9', is: PATH },
  { name: 'any case', ask: 'www.PROD.svc.Cluster.local', is: PATH },
  { name: 'a name in another namespace', ask: 'www.other.svc.cluster.local', is: undefined },
  { name: 'a name that is not completed', ask: 'www.example', is: undefined },
  { name: 'a name of a pod', ask: 'www.prod.pod.cluster.local', is: undefined },
  { name: 'the namespace is what is left', ask: 'prod.svc.cluster.local', is: undefined },
  { name: 'an unknown client', from: '192.0.2.1', is: undefined },
  { name: 'one of two pods', from: '192.0.2.10', is: undefined },
  { name: 'a pod on the network of its node', from: '192.0.2.20', is: undefined },
  { name: 'pods that are not all known', options: { unsynced: ['pod'] }, is: undefined },
  { name: 'services that are not all known', options: { unsynced: ['service'] }, is: undefined },
  { name: 'pods insecure', options: { body: 'pods insecure' }, is: undefined },
  {
    name: 'the longest zone',
    ask: 'www.prod.svc.a.cluster.local',
    options: { zones: 'cluster.local a.cluster.local' },
    is: ['prod.svc.a.cluster.local.', 'svc.a.cluster.local.', 'a.cluster.local.'],
  },
] as { name: string; ask?: string; from?: string; options?: ClusterOptions; is: string[] | undefined }[]) {
  test(name, async () => assert.equal(texts(await paths(options).of(ask, from)), is))
}

test('the same path is the same array', async () => {
  const { of } = paths()
  assert.is(await of('a.prod.svc.cluster.local'), await of('b.prod.svc.cluster.local'))
})

test('a pod that comes later in the place of another has its own', async () => {
  const { of, put, remove } = paths()
  assert.equal(texts(await of('a.prod.svc.cluster.local')), PATH)
  remove(pod('web.prod'))
  assert.is(await of('a.prod.svc.cluster.local'), undefined)
  put(pod('web.other', '192.0.2.9'))
  assert.is(await of('a.prod.svc.cluster.local'), undefined)
  assert.is(texts(await of('a.other.svc.cluster.local'))?.[0], 'other.svc.cluster.local.')
})

test.run()
