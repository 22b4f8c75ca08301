import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { Index } from '../../../../plugins/kubernetes/index/index.ts'
import { Slab } from '../../../../plugins/kubernetes/index/slab.ts'
import type { EndpointSlice } from '../../../../plugins/kubernetes/object/endpointslice.ts'
import { KINDS, type SlimObject } from '../../../../plugins/kubernetes/object/object.ts'
import type { Pod } from '../../../../plugins/kubernetes/object/pod.ts'
import type { Service } from '../../../../plugins/kubernetes/object/service.ts'
import { clusterOf } from '../cluster.ts'

const web: Service = {
  kind: 'service',
  namespace: 'a',
  name: 's',
  clusterIPs: ['10.0.0.1'],
  headless: false,
  externalName: undefined,
  ports: [{ name: 'http', protocol: 'tcp', port: 80 }],
}
const webSlice: EndpointSlice = {
  kind: 'endpointslice',
  namespace: 'a',
  name: 's-1',
  service: 's',
  endpoints: [{ addresses: ['10.1.0.1'], hostname: 'web-0', podName: 'web-0' }],
  ports: web.ports,
  lastChangeTriggerMs: 0,
}
const webPod: Pod = { kind: 'pod', namespace: 'a', name: 'web-0', ips: ['10.1.0.1', 'fd00::1'], labels: {} }

const serials: { name: string; object: SlimObject; changed: SlimObject }[] = [
  { name: 'a Service', object: web, changed: { ...web, clusterIPs: ['10.0.0.2'] } },
  { name: 'a port', object: web, changed: { ...web, ports: [{ name: 'http', protocol: 'udp', port: 80 }] } },
  { name: 'its kind', object: web, changed: { ...web, clusterIPs: [], headless: true } },
  { name: 'a target', object: { ...web, externalName: 'a.example' }, changed: { ...web, externalName: 'b.example' } },
  {
    name: 'a hostname',
    object: webSlice,
    changed: { ...webSlice, endpoints: [{ ...webSlice.endpoints[0]!, hostname: 'web-1' }] },
  },
  { name: 'a cluster', object: { ...webSlice, cluster: 'east' }, changed: { ...webSlice, cluster: 'west' } },
  { name: 'the service of a slice', object: webSlice, changed: { ...webSlice, service: 't' } },
  { name: 'the last endpoint', object: webSlice, changed: { ...webSlice, endpoints: [] } },
  { name: 'a label that is kept', object: webPod, changed: { ...webPod, labels: { app: 'db' } } },
  { name: 'the network of a pod', object: webPod, changed: { ...webPod, hostNetwork: true } },
  { name: 'a pod', object: webPod, changed: { ...webPod, ips: ['10.1.0.1'] } },
]
for (const { name, object, changed } of serials) {
  test(`the serial follows a change of ${name}, and nothing else`, () => {
    const index = new Index({ podLabels: ['app'] })
    const moves = (change: () => void) => {
      index.serial = 0
      change()
      return index.serial > 0
    }
    assert.ok(moves(() => index.put(object.kind, object)))
    assert.not.ok(moves(() => index.put(object.kind, structuredClone(object))))
    assert.ok(moves(() => index.put(changed.kind, changed)))
    assert.not.ok(moves(() => index.put(changed.kind, structuredClone(changed))))
    assert.ok(moves(() => index.put(object.kind, object)))
    assert.ok(
      moves(() =>
        index.delete(object.kind, 'a', object.kind === 'pod' ? 'web-0' : object.kind === 'service' ? 's' : 's-1'),
      ),
    )
    assert.not.ok(moves(() => index.delete(object.kind, 'a', 'unknown')))
  })
}

test('the serial never goes back', () => {
  const index = new Index()
  index.serial = 4_000_000_000
  index.put('service', web)
  assert.is(index.serial, 4_000_000_000)
})

test('memory comes back: a cluster that changes without growing takes no more, an empty one next to nothing', async () => {
  const index = new Index()
  const baseBytes = index.slab.usedBytes
  const fill = (round: number) => {
    for (let i = 0; i < 500; i++) {
      const name = `s-${i}`
      const address = `10.${round % 250}.${i >> 8}.${i & 255}`
      const padding = 'x'.repeat((round * 7 + i) % 40)
      index.put('service', { ...web, name, clusterIPs: [address] })
      index.put('endpointslice', {
        ...webSlice,
        name: `${name}${padding}`,
        service: name,
        endpoints: Array.from({ length: 1 + (i % 7) }, (_, j) => ({
          addresses: [`10.9.${i & 255}.${j}`],
          hostname: '',
          podName: '',
        })),
      })
      index.put('pod', { ...webPod, name: `p-${i}${padding}`, ips: [address] })
    }
    index.slab.reclaim()
  }
  const clear = async (round: number) => {
    for (const kind of KINDS) await index.endList(kind, index.beginList(kind))
    index.slab.reclaim()
    assert.is(index.slab.usedBytes, baseBytes, `round ${round}`)
  }
  for (let round = 0; round < 40; round++) {
    fill(round)
    await clear(round)
  }
  const touchedBytes = index.slab.touchedBytes
  for (let round = 40; round < 80; round++) {
    fill(round)
    await clear(round)
  }
  // Which names collide, and so how large the few collision lists are, differs from process to process.
  const grownBytes = index.slab.touchedBytes - touchedBytes
  assert.ok(grownBytes < touchedBytes / 100, `${grownBytes} more octets after ${touchedBytes}`)
})

test('a slab that is full is replaced by a larger one, with all that is in it', async () => {
  const index = new Index({}, new Slab(8192))
  index.put('namespace', { kind: 'namespace', name: 'a' })
  for (let i = 0; i < 2000; i++) {
    index.put('pod', { ...webPod, name: `p-${i}`, ips: [`10.0.${i >> 8}.${i & 255}`, `fd00::${i.toString(16)}`] })
    index.put('endpointslice', {
      ...webSlice,
      name: `s-${i}`,
      endpoints: [{ addresses: [`10.1.${i >> 8}.${i & 255}`], hostname: 'h', podName: '' }],
    })
  }
  const namespace = index.namespaces.named('a')
  for (let i = 0; i < 2000; i++) {
    assert.ok(index.pods.has(namespace, Uint8Array.of(10, 0, i >> 8, i & 255), 0, 4), `pod ${i}`)
    assert.ok(index.slices.named('a', `s-${i}`) !== 0, `slice ${i}`)
  }
})

test('a list that was overtaken by the next one removes nothing', async () => {
  const index = new Index()
  index.put('service', web)
  const first = index.beginList('service')
  const second = index.beginList('service')
  await index.endList('service', first)
  assert.ok(index.services.named('a', 's') !== 0)
  await index.endList('service', second)
  assert.is(index.services.named('a', 's'), 0)
})

test('slices that come before their Service wait for it', async () => {
  const cluster = clusterOf()
  cluster.index.put('namespace', { kind: 'namespace', name: 'a' })
  cluster.index.put('endpointslice', webSlice)
  assert.match(await cluster.ask('s.a.svc.cluster.local'), /^NXDOMAIN/)
  cluster.index.put('service', { ...web, clusterIPs: [], headless: true })
  assert.match(await cluster.ask('s.a.svc.cluster.local'), ' A 10.1.0.1')
})

test('synced kinds', async () => {
  const index = new Index({ kinds: ['service', 'namespace'] })
  assert.equal(index.unsynced(), ['service', 'namespace'])
  let resolved = false
  const waiting = index.whenSynced().then(() => {
    resolved = true
  })
  index.setSynced('service', true)
  await Promise.resolve()
  assert.not.ok(resolved)
  index.setSynced('namespace', true)
  await waiting
  assert.ok(resolved)
  await index.whenSynced()
})

test.run()
